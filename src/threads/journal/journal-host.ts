import { GroupCommit } from '../../ingest/journal/group-commit.ts'
import { openJournalWriter } from '../../ingest/journal/sqlite-journal.ts'
import type { Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type { Slab } from '../../model/slab.ts'
import type { FromJournal, ToCore, ToJournal } from '../messages.ts'
import type { Port } from '../ports.ts'
import { journalFolder } from '../thread-settings.ts'
import type { ThreadSettings } from '../thread-settings.ts'

/** How often retention looks for segments that may go. */
const RETENTION_MS = 60_000

/** Opens the journal on its ports; `main` may say what must be kept, and `stop`. */
export function hostJournal(options: {
  readonly settings: ThreadSettings
  readonly clock: Clock
  readonly timers: Timers
  readonly main: Port<FromJournal, ToJournal>
  readonly core: Port<ToCore, never>
  readonly intakes: readonly Port<FromJournal, ToJournal>[]
}): void {
  const { settings, clock, timers, main, core, intakes } = options
  const report: Report = (occurrence) => main.post({ kind: 'occurrence', occurrence })
  try {
    const writer = openJournalWriter({
      folder: journalFolder(settings),
      ...settings.journal,
      clock,
      report,
    })
    const host = new JournalHost(new GroupCommit({ writer, report }), core)
    let below: ReadonlyMap<string, number> = new Map()
    const stopRetention = timers.every(RETENTION_MS, () => void writer.retain(below, clock()))
    for (const [thread, port] of intakes.entries()) host.join(thread, port)
    main.listen((message) => {
      switch (message.kind) {
        case 'slab':
          break
        case 'retain':
          below = new Map(Object.entries(message.below))
          break
        case 'stop':
          stopRetention()
          host.flush()
          writer.close()
          main.post({ kind: 'stopped' })
      }
    })
  } catch (error) {
    main.post({ kind: 'failed', message: (error as Error).message, isFenced: false })
  }
}

/**
 * The journal's side of the protocol: slabs from every intake in, one group commit for what is
 * waiting, the answer to the core and to the intake that asked. No timer: a commit starts when
 * the last one returned.
 */
export class JournalHost {
  readonly #commit: GroupCommit
  readonly #core: Port<ToCore, never>
  readonly #intakes = new Map<number, Port<FromJournal, ToJournal>>()
  #isScheduled = false

  constructor(commit: GroupCommit, core: Port<ToCore, never>) {
    this.#commit = commit
    this.#core = core
  }

  /** Joins one intake thread. */
  join(thread: number, port: Port<FromJournal, ToJournal>): void {
    this.#intakes.set(thread, port)
    port.listen((message) => {
      if (message.kind === 'slab') this.#push(message.slab)
    })
  }

  /** Commits what is waiting and tells who has to know. */
  flush(): void {
    const { durable, refused } = this.#commit.flush()
    for (const one of durable) {
      this.#core.post({ kind: 'durable', durable: one })
      this.#intakes.get(one.thread)?.post({ kind: 'durable', durable: one })
    }
    for (const one of refused) this.#refuse(one)
  }

  #push(slab: Slab): void {
    const refused = this.#commit.push(slab)
    if (refused !== undefined) this.#refuse(refused)
    if (this.#isScheduled) return
    this.#isScheduled = true
    // After the port's other messages of this turn, so that they share the commit.
    setImmediate(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  #refuse(one: RefusedSlab): void {
    const { partition, thread, seq, message } = one
    this.#core.post({ kind: 'refused', partition, thread, seq })
    this.#intakes.get(thread)?.post({ kind: 'refused', partition, thread, seq, message })
  }
}

interface RefusedSlab {
  readonly partition: string
  readonly thread: number
  readonly seq: number
  readonly message: string
}
