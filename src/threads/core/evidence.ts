import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalReader } from '../../ingest/journal/journal.ts'
import type { CommitEntry } from '../../model/commit.ts'
import type { EventSample } from '../../model/event.ts'
import { parseRecordRef } from '../../model/slab.ts'

/** Openings of one commit that get their events looked up; a storm beyond that says less. */
const EVIDENCE_MAX = 200

/**
 * The events that opening episodes name (first in the window, latest firing), read from the
 * journal. Not an engine effect: a replay does not need them.
 */
export function evidenceOf(
  entries: readonly CommitEntry[],
  journal: JournalReader,
  event: GelfEvent,
): ReadonlyMap<string, EventSample> {
  const found = new Map<string, EventSample>()
  const opening = entries
    .flatMap(({ effects }) => effects.episodes)
    .filter(({ change }) => change === 'opened' || change === 'refired' || change === 'escalated')
  for (const { episode } of opening.slice(0, EVIDENCE_MAX)) {
    for (const ref of [episode.firstRef, episode.lastRef]) {
      if (found.has(ref)) continue
      const sample = readSample(ref, journal, event)
      if (sample !== undefined) found.set(ref, sample)
    }
  }
  return found
}

/** One event by its name, `undefined` when the journal no longer has it or it is a deadline. */
export function readSample(
  ref: string,
  journal: JournalReader,
  event: GelfEvent,
): EventSample | undefined {
  const place = parseRecordRef(ref)
  const record = place && journal.at(place.partition, place.position)
  if (record === undefined) return undefined
  const { bytes, receivedMs } = record
  if (event.scan(bytes, 0, bytes.length, receivedMs) !== undefined) return undefined
  return {
    ref,
    timeMs: event.timeMs,
    receivedMs,
    flags: [...event.flags],
    fields: event.fields(),
  }
}
