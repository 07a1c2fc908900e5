import type { KeptRequest } from '../model/slab.ts'

/**
 * Where records come from. GELF and HTTP inputs write to a journal partition through a
 * {@link RecordSink}; a source that is a log already (Kafka, later) has positions of its own and
 * uses only `start` and `stop`.
 */
export interface Source {
  readonly name: string
  /** Listens; resolves with the bound address, rejects when it cannot (port taken). */
  start(): Promise<{ readonly host: string; readonly port: number }>
  /** Stops accepting, reads what the kernel holds, hands over whole records, then closes. */
  stop(): Promise<void>
}

/** Why a record was not accepted; the label `reason` of `tocsin_input_rejected_total`. */
export type Rejection =
  | 'too_short'
  | 'too_long'
  | 'encoding'
  | 'bomb'
  | 'utf8'
  | 'json'
  | 'not_an_object'
  | 'depth'
  | 'fields'
  /** Not a text, or blank. */
  | 'host'
  /** `short_message` is missing, not a text, or blank. */
  | 'message'
  /** No complete CloudEvent of version 1.0. */
  | 'cloud_event'
  | 'chunk'
  | 'chunk_expired'
  | 'chunk_overflow'
  | 'incomplete'
  | 'unauthorized'
  | 'overload'
  | 'journal'

/**
 * Collects the records of one read into a slab. Calls between two `seal`s belong together and are
 * made without yielding to another read.
 */
export interface RecordSink {
  /**
   * Takes one whole message (framed, decompressed JSON text): checks the limits of
   * `normalise/limits.ts`, keeps its bytes, matches it. A rejection is counted by the caller,
   * which alone knows whether the rest of the request goes on.
   */
  accept(bytes: Uint8Array, start: number, end: number): Rejection | undefined
  /**
   * Hands the slab on; does nothing when it is empty. `onSettled` is told when the journal holds
   * it (`durable`), or that nothing of it was kept (`refused`). `request` is kept with the slab.
   */
  seal(onSettled?: (outcome: 'durable' | 'refused') => void, request?: KeptRequest): void
  /**
   * Whether what was accepted since the last `seal` may wait for more: the journal is busy with
   * earlier slabs, and this one is small. It has to be sealed when one of them is settled.
   */
  readonly mayWait: boolean
  /** Forgets what was accepted since the last `seal`: a 4xx keeps nothing of its request. */
  abort(): void
}

/**
 * Takes the records of one partition of a log that is read (Kafka) into the journal, with how far
 * the log is read by them.
 */
export interface LogSink {
  /** Records since the last `seal`, and their bytes. */
  readonly count: number
  readonly bytes: number
  /** Takes one GELF message; `timestampMs` is the log's own time of it. */
  accept(bytes: Uint8Array, timestampMs: number): Rejection | undefined
  /** Takes a record that nobody can read, to be put aside with the others' commit (P11). */
  poison(bytes: Uint8Array, timestampMs: number, reason: string): void
  /** Resolves when the slab that was sealed last is answered: whoever sealed it may have gone. */
  ready(): Promise<void>
  /**
   * Hands on what was taken; `to` is the offset to read next. Resolves with whether the journal
   * holds it; of what is `refused` nothing was kept, and all of it has to be taken again. One
   * at a time.
   */
  seal(to: number): Promise<'durable' | 'refused'>
}
