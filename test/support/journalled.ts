import { join } from 'node:path'

import { openJournalReader } from '../../src/ingest/journal/sqlite-journal.ts'

/** Every record in the journal of a service's folder, in whatever partition, as parsed GELF. */
export function journalled<T>(folder: string): T[] {
  const reader = openJournalReader({
    folder: join(folder, 'data', 'journal'),
    report: () => undefined,
  })
  try {
    const found: T[] = []
    for (const { partition } of reader.partitions()) {
      for (const { bytes, offsets, count } of reader.read(partition, 0)) {
        for (let i = 0; i < count; i++) {
          const text = Buffer.from(bytes.subarray(offsets[i], offsets[i + 1])).toString()
          found.push(JSON.parse(text) as T)
        }
      }
    }
    return found
  } finally {
    reader.close()
  }
}
