import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { CommitEntry, DroppedRecords, Gap } from '../../model/commit.ts'
import type { EpisodeChange } from '../../model/episode.ts'
import type { PartitionState } from '../../model/partition.ts'
import { inputOfPartition } from '../../model/slab.ts'
import { toldAtOnce } from './system-episode.ts'

/** Rule id of the incidents that say what was dropped; a colon keeps it apart from users' rules. */
export const DROPPED_RULE_ID = 'tocsin:dropped'

/** What such an incident says of itself. */
export const DROPPED_RULE: RuleInfo = {
  title: 'Records were dropped because there was no room for them',
  labels: {},
  annotations: {
    summary:
      'The journal did not keep up with {{ group.input }}: {{ value }} records and more were dropped',
  },
  threshold: null,
  window: null,
  graylogUrl: null,
}

/** Drops that follow each other this closely are one episode. */
const QUIET_MS = 60_000

/** What inputs had to drop until it is written down: one note for each partition (I2). */
export class DroppedNotes {
  readonly #notes = new Map<string, DroppedRecords>()

  add(dropped: DroppedRecords): void {
    const { partition, records, fromMs, toMs } = dropped
    const known = this.#notes.get(partition)
    if (known === undefined) this.#notes.set(partition, dropped)
    else {
      this.#notes.set(partition, {
        partition,
        records: known.records + records,
        fromMs: Math.min(known.fromMs, fromMs),
        toMs: Math.max(known.toMs, toMs),
      })
    }
  }

  get isEmpty(): boolean {
    return this.#notes.size === 0
  }

  /** Adds a gap and a system incident for each to an entry, whose hash stays as it was. */
  writeTo(
    entry: CommitEntry,
    stateOf: (partition: string) => PartitionState | undefined,
  ): CommitEntry {
    const dropped = [...this.#notes.values()]
    this.#notes.clear()
    const gaps = dropped.map((note): Gap => ({
      reason: 'dropped',
      ...note,
      at: stateOf(note.partition)?.next ?? 0,
    }))
    const { effects } = entry
    return {
      ...entry,
      gaps: [...(entry.gaps ?? []), ...gaps],
      effects: { ...effects, episodes: [...effects.episodes, ...dropped.flatMap(changesOf)] },
    }
  }
}

/** It goes on in the episode before when that is not long ago: the store adopts that one (I5). */
function changesOf({ partition, records, fromMs, toMs }: DroppedRecords): EpisodeChange[] {
  const finding = {
    ruleId: DROPPED_RULE_ID,
    name: [partition, String(fromMs)],
    group: { input: inputOfPartition(partition) },
    startMs: fromMs,
    endMs: toMs,
    value: records,
  }
  return toldAtOnce(finding, toMs, QUIET_MS)
}
