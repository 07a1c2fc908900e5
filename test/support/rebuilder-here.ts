import type { JournalReader } from '../../src/ingest/journal/journal.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CoreStore } from '../../src/model/commit.ts'
import type { Report } from '../../src/model/occurrence.ts'
import type { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { LoadRules } from '../../src/threads/core/loaded-rules.ts'
import { Rebuilder } from '../../src/threads/core/rebuilder.ts'
import type { ClockBody } from '../../src/threads/journal-steps.ts'
import type { FromRebuild, ToRebuild } from '../../src/threads/messages.ts'
import { localPair } from '../../src/threads/ports.ts'
import { RebuildDesk } from '../../src/threads/rebuild/rebuild-desk.ts'

/** What a replay needs to rebuild edited rules again, without a thread. */
export function rebuilderHere(sources: {
  readonly store: Pick<CoreStore, 'readLog'>
  readonly journal: JournalReader
  readonly partitions: PartitionTracker
  readonly report: Report
  readonly loadRules?: LoadRules
}): Rebuilder {
  const [rebuild, spare] = localPair<ToRebuild, FromRebuild>()
  const { store, journal, loadRules } = sources
  const desk = new RebuildDesk({
    open: () => ({
      journal,
      event: new GelfEvent(),
      clockEntries: (from, to) => clockEntries(store, from, to),
      yieldTo: () => Promise.resolve(),
      close: () => undefined,
    }),
    ...(loadRules && { loadRules }),
    post: (message) => spare.post(message),
    onFatal: (error) => {
      throw error
    },
  })
  spare.listen((message) => desk.receive(message))
  const nothing = (): void => undefined
  const yieldTo = (): Promise<void> => Promise.resolve()
  return new Rebuilder({ ...sources, rebuild, post: nothing, onProgress: nothing, yieldTo })
}

export async function* clockEntries(
  store: Pick<CoreStore, 'readLog'>,
  from: number,
  to: number,
): AsyncGenerator<ClockBody> {
  for await (const { no, body } of store.readLog(from, 'clock')) {
    if (no >= to) return
    if (no >= from && body.kind === 'clock') yield body
  }
}
