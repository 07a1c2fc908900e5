import { join } from 'node:path'

import { openJournalReader } from '../../src/ingest/journal/sqlite-journal.ts'

/** Hands over every record in the journal of a service's folder, one after the other. */
export function eachJournalled(
  folder: string,
  onRecord: (record: unknown, receivedMs: number) => void,
): void {
  const reader = openJournalReader({
    folder: join(folder, 'data', 'journal'),
    report: () => undefined,
  })
  try {
    for (const { partition } of reader.partitions()) {
      for (const { bytes, offsets, count, receivedMs } of reader.read(partition, 0)) {
        for (let i = 0; i < count; i++) {
          const text = Buffer.from(bytes.subarray(offsets[i], offsets[i + 1])).toString()
          onRecord(JSON.parse(text) as unknown, receivedMs)
        }
      }
    }
  } finally {
    reader.close()
  }
}
