import { openJournalReader } from '../../ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { Report } from '../../model/occurrence.ts'
import { openClockEntries } from '../../store/sqlite/clock-entries.ts'
import type { ClockBody } from '../../store/sqlite/clock-entries.ts'
import type { FromRebuild, FromSpare, ToRebuild, ToSpare } from '../messages.ts'
import type { Port } from '../ports.ts'
import { selfVerifier } from '../self-verifier.ts'
import { databaseFile, journalFolder } from '../thread-settings.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { RebuildDesk } from './rebuild-desk.ts'
import type { RebuildSources } from './rebuild-run.ts'

/**
 * Opens the spare thread on its ports: `core` for the work, `main` for reports and `stop`. It reads
 * journal and database, and writes neither.
 */
export function hostRebuild(options: {
  readonly settings: ThreadSettings
  readonly main: Port<FromSpare, ToSpare>
  readonly core: Port<FromRebuild, ToRebuild>
}): void {
  const { settings, main, core } = options
  const report: Report = (occurrence) => main.post({ kind: 'occurrence', occurrence })
  const desk = new RebuildDesk({
    open: () => openSources(settings, report),
    post: (message, transfer) => core.post(message, transfer),
    onFatal: (error) =>
      main.post({ kind: 'failed', message: `rebuild: ${error.message}`, isFenced: false }),
  })
  core.listen((message) => desk.receive(message))
  main.listen(() => void desk.stop().then(() => main.post({ kind: 'stopped' })))
}

function openSources(
  settings: ThreadSettings,
  report: Report,
): RebuildSources & { readonly close: () => void } {
  const journal = openJournalReader({ folder: journalFolder(settings), report })
  return {
    journal,
    clockEntries: (from, to) => clockEntries(databaseFile(settings), from, to),
    event: new GelfEvent({ verifySelf: selfVerifier(settings.selfKey) }),
    yieldTo: () => new Promise((resolve) => setImmediate(resolve)),
    close: () => journal.close(),
  }
}

/** A connection is open only as long as it is read from. */
function* clockEntries(file: string, from: number, to: number): Generator<ClockBody> {
  const { entries, close } = openClockEntries(file)
  try {
    yield* entries(from, to)
  } finally {
    close()
  }
}
