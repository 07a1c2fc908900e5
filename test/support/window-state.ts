/**
 * What a process knows besides its database, in a form to compare: as it would be after a start,
 * and as it is in an engine that ran every entry of the log one after the other.
 */
import { DatabaseSync } from 'node:sqlite'

import { openJournalReader } from '../../src/ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import { canonicalJson } from '../../src/lib/canonical.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { Engine } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { engineVersion } from '../../src/threads/engine-version.ts'
import { loadRulesOnce } from '../../src/threads/core/loaded-rules.ts'
import type { LoadedRules } from '../../src/threads/core/loaded-rules.ts'
import { Rematch } from '../../src/threads/core/rematch.ts'
import { replay } from '../../src/threads/core/replay.ts'
import type { Replayed } from '../../src/threads/core/replay.ts'
import { rebuilderHere } from './rebuilder-here.ts'

/** Buckets of a rule's groups, and the one of the rule as a whole. */
const BUCKETS = 257

/** Canonical bytes of every bucket that has state, and the time bucket, by name in order. */
export type WindowState = ReadonlyMap<string, string>

export function windowState(engine: Engine, partitions?: PartitionTracker): WindowState {
  const state = new Map<string, string>()
  for (const rule of engine.stateHashes()) {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const bytes = engine.save({ ...rule, bucket })
      if (bytes.length > 0) {
        state.set(`${rule.ruleId} ${bucket}`, Buffer.from(bytes).toString('hex'))
      }
    }
  }
  if (partitions === undefined) return state
  const states = partitions.states().toSorted((a, b) => (a.id < b.id ? -1 : 1))
  for (const each of states) state.set(`partition ${each.id}`, canonicalJson(each))
  return state.set('watermarks', canonicalJson(engine.watermarks()))
}

/** Names of what one has and the other has not, or otherwise. */
export function differing(a: WindowState, b: WindowState): string[] {
  const names = new Set([...a.keys(), ...b.keys()])
  return [...names].filter((name) => a.get(name) !== b.get(name)).sort()
}

/** A start on a database and a journal as they were left, up to where it would go live. */
export async function stateAfterStart(options: {
  readonly database: string
  readonly journal: string
}): Promise<
  Omit<Replayed, 'engine'> & {
    readonly state: WindowState
    readonly occurrences: readonly Occurrence[]
    /** Where the replay began, and the last entry of the log. */
    readonly from: number
    readonly lastNo: number
  }
> {
  const { from, next } = shardOf(options.database)
  const store = await openSqliteStore({ file: options.database })
  const occurrences: Occurrence[] = []
  const report = (occurrence: Occurrence): void => void occurrences.push(occurrence)
  const journal = openJournalReader({ folder: options.journal, report })
  const event = new GelfEvent()
  let rules: LoadedRules | undefined
  const partitions = new PartitionTracker([], (input) => rules?.timing(input) ?? DEFAULT_TIMING)
  try {
    const { engine, ...replayed } = await replay({
      store,
      from,
      partitions,
      rematch: new Rematch(journal, event),
      rebuilder: rebuilderHere({ store, journal, partitions, report }),
      loadRules: loadRulesOnce(),
      engineVersion: engineVersion(),
      report,
      useRules: (used) => {
        rules = used
      },
    })
    const state = windowState(engine, partitions)
    return { ...replayed, state, occurrences, from, lastNo: next - 1 }
  } finally {
    journal.close()
    await store.close()
  }
}

function shardOf(file: string): { readonly from: number; readonly next: number } {
  const database = new DatabaseSync(file)
  const row = database.prepare('SELECT checkpoint_next, next_no FROM shard').get()
  database.close()
  return { from: Number(row!['checkpoint_next']), next: Number(row!['next_no']) }
}
