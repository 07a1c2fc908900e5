import { openJournalReader } from '../../ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { Report } from '../../model/occurrence.ts'
import { openClockEntries } from '../../store/sqlite/clock-entries.ts'
import type { ClockBody } from '../../store/sqlite/clock-entries.ts'
import { selfVerifier } from '../self-verifier.ts'
import { databaseFile, journalFolder } from '../thread-settings.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { RebuildDesk } from './rebuild-desk.ts'
import type { RebuildDeskOptions } from './rebuild-desk.ts'

/** A desk that reads the journal and the input log of a data folder, beside those who write them. */
export function hostRebuild(
  settings: Pick<ThreadSettings, 'data' | 'selfKey'>,
  tell: Pick<RebuildDeskOptions, 'post' | 'onFatal'> & { readonly report: Report },
): RebuildDesk {
  return new RebuildDesk({
    ...tell,
    open() {
      const journal = openJournalReader({ folder: journalFolder(settings), report: tell.report })
      return {
        journal,
        clockEntries: (from, to) => clockEntries(databaseFile(settings), from, to),
        event: new GelfEvent({ verifySelf: selfVerifier(settings.selfKey) }),
        yieldTo: () => new Promise((resolve) => setImmediate(resolve)),
        close: () => journal.close(),
      }
    },
  })
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
