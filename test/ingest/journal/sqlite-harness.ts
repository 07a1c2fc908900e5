import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { listSegments, segmentPath } from '../../../src/ingest/journal/segment.ts'
import { openJournalReader, openJournalWriter } from '../../../src/ingest/journal/sqlite-journal.ts'
import type { Occurrence } from '../../../src/model/occurrence.ts'
import type { JournalHarness } from '../../contracts/journal-contract.ts'

/** The SQLite journal in a folder of its own. */
export function sqliteHarness(): JournalHarness & { readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-journal-'))
  let occurrences: Occurrence[] = []
  const report = (occurrence: Occurrence): void => void occurrences.push(occurrence)
  return {
    folder,
    openWriter: (limits, clock) =>
      openJournalWriter({ folder, report, clock: clock.now, ...limits }),
    openReader: () => openJournalReader({ folder, report }),
    breakDisk() {
      // A folder where the next segment has to be: it cannot be opened, nor made.
      const path = segmentPath(folder, (listSegments(folder).at(-1) ?? 0) + 1)
      mkdirSync(path)
      return () => rmdirSync(path)
    },
    reported() {
      const names = occurrences.map(({ name }) => name)
      occurrences = []
      return names
    },
    dispose: () => rmSync(folder, { recursive: true }),
  }
}
