import type { Cancel, Clock, Timers } from '../../lib/clock.ts'
import type { DroppedRecords } from '../../model/commit.ts'

/** One note a second and input at most, however much is dropped (I2). */
const TELL_MS = 1_000

/** Folds what inputs had to drop into notes for the core, which writes them down. */
export class Drops {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #tell: (dropped: DroppedRecords) => void
  readonly #open = new Map<string, { records: number; fromMs: number; toMs: number }>()
  #cancel: Cancel | undefined

  constructor(options: {
    readonly clock: Clock
    readonly timers: Timers
    readonly tell: (dropped: DroppedRecords) => void
  }) {
    this.#clock = options.clock
    this.#timers = options.timers
    this.#tell = options.tell
  }

  /** Records of the partition that arrived now were lost. */
  add(partition: string, records: number): void {
    const nowMs = this.#clock()
    const open = this.#open.get(partition)
    if (open === undefined) this.#open.set(partition, { records, fromMs: nowMs, toMs: nowMs })
    else {
      open.records += records
      open.toMs = nowMs
    }
    this.#cancel ??= this.#timers.after(TELL_MS, () => this.flush())
  }

  /** Tells what was not told yet. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = undefined
    for (const [partition, dropped] of this.#open) this.#tell({ partition, ...dropped })
    this.#open.clear()
  }
}
