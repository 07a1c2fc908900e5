import type { JournalReader } from '../../src/ingest/journal/journal.ts'
import type { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CoreStore } from '../../src/model/commit.ts'
import type { LoadRules } from '../../src/threads/core/loaded-rules.ts'
import type { ClockBody } from '../../src/threads/journal-steps.ts'
import type { FromRebuild, ToRebuild } from '../../src/threads/messages.ts'
import type { Port } from '../../src/threads/ports.ts'
import { localPair } from '../../src/threads/ports.ts'
import { RebuildDesk } from '../../src/threads/rebuild/rebuild-desk.ts'

/** A rebuild without a thread, for whoever waits for it at once. */
export function rebuildHere(sources: {
  readonly store: Pick<CoreStore, 'readLog'>
  readonly journal: JournalReader
  readonly event: GelfEvent
  readonly loadRules: LoadRules
}): Port<ToRebuild, FromRebuild> {
  const [core, spare] = localPair<ToRebuild, FromRebuild>()
  const { store, journal, event, loadRules } = sources
  const desk = new RebuildDesk({
    open: () => ({
      journal,
      event,
      clockEntries: (from, to) => clockEntries(store, from, to),
      yieldTo: () => Promise.resolve(),
      close: () => undefined,
    }),
    loadRules,
    post: (message) => spare.post(message),
    onFatal: (error) => {
      throw error
    },
  })
  spare.listen((message) => desk.receive(message))
  return core
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
