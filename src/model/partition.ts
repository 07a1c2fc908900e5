/**
 * An ordered log of records and where the core stands in it (design §4.2). Recorded with every
 * entry that changes it, so that a replay sees the same time.
 */
export interface PartitionState {
  readonly id: string
  readonly input: string
  /** Writer epoch of a journal partition. */
  readonly epoch: number
  /** Position of the next record to evaluate. */
  readonly next: number
  /** Greatest min(time, received) evaluated; `null` before the first record. ms UTC. */
  readonly maxTimeMs: number | null
  /** Greatest receive time evaluated, for rules with `clock: received`. */
  readonly maxReceivedMs: number | null
  /** `now` of the entry that brought its last record, or of its creation. */
  readonly lastReceivedMs: number
  readonly link: PartitionLink
  readonly progress: PartitionProgress
  /** Of a partition read from a log of its own: offset there of the next record to evaluate. */
  readonly offset?: number
}

export type PartitionLink = 'up' | 'down'

/** `retired`: its writer is gone and it is read to the end; it counts in no watermark. */
export type PartitionProgress = 'behind' | 'caught_up' | 'idle' | 'retired'

/** How long an event may come after a later one of the same input, and when silence means idle. */
export interface InputTiming {
  /** Default 5 s. */
  readonly reorderMs: number
  /** Default 60 s. */
  readonly idleAfterMs: number
}

/** Whether a sender is connected to an input that has connections, since when. */
export interface LinkChange {
  readonly partition: string
  readonly link: PartitionLink
  /** ms UTC. */
  readonly atMs: number
}

export const DEFAULT_TIMING: InputTiming = { reorderMs: 5_000, idleAfterMs: 60_000 }

/**
 * What is known to have arrived. `witnessed` when an event moved it there; `assumed` when an idle
 * partition merely followed the clock (no evidence of absence).
 */
export interface Watermark {
  readonly ms: number
  readonly quality: 'witnessed' | 'assumed'
}
