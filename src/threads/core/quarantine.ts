import type { JournalReader } from '../../ingest/journal/journal.ts'
import type { CommitEntry, QuarantinedRecord } from '../../model/commit.ts'
import type { Slice } from '../../rules/engine.ts'

/** Of one entry: a topic of rubbish must not fill the database; all are counted. */
const PER_ENTRY_MAX = 100
/** Of each record, for a person to look at; the journal has it whole. */
const BYTES_MAX = 16 * 1024

/**
 * Records that could not be read are kept with the entry that passes them, in its transaction
 * (P11). Not the engine's effects: a replay does not need them.
 */
export function withQuarantined(
  entry: CommitEntry,
  { partition, from, matches }: Slice,
  journal: JournalReader,
): CommitEntry {
  const quarantined: QuarantinedRecord[] = []
  let first = from
  for (const { count, source } of matches) {
    for (const { ordinal, reason } of source?.poison ?? []) {
      const position = first + ordinal
      const record = quarantined.length < PER_ENTRY_MAX && journal.at(partition, position)
      if (!record) continue
      quarantined.push({ partition, position, reason, bytes: record.bytes.slice(0, BYTES_MAX) })
    }
    first += count
  }
  return quarantined.length === 0 ? entry : { ...entry, quarantined }
}
