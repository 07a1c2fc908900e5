/** An availability objective: the short form `slo:` of design §8, checked and filled. */
export interface Objective {
  readonly id: string
  readonly title: string
  readonly service: string
  /** 0.999 for `99.9%`; strictly between 0 and 1. */
  readonly target: number
  /** Rolling period, default 30 d. */
  readonly periodMs: number
  readonly inputs: readonly string[]
  readonly groupBy: readonly string[]
  /** Fewer events than this in a window say nothing; default 0. */
  readonly minEvents: number
  readonly labels: Readonly<Record<string, string>>
  readonly file: string
  readonly line: number
}

/** What the objectives' arithmetic reads; the store implements it. Times are minutes, ms UTC. */
export interface SloReader {
  /** All events ever counted, per objective: Prometheus counters. */
  totals(): Promise<readonly { slo: string; total: number; bad: number }[]>
  /** Events with a minute in [fromMs, toMs). */
  window(slo: string, fromMs: number, toMs: number): Promise<{ total: number; bad: number }>
  /** The latest minute that holds an event, over all objectives; `null` when there is none. */
  latestMinute(slo: string): Promise<number | null>
}
