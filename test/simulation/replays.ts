import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CoreStore, LogEntry, SavedBucket, TimeBucket } from '../../src/model/commit.ts'
import type { Report } from '../../src/model/occurrence.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { Engine } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { LoadedRules } from '../../src/threads/core/loaded-rules.ts'
import { Rematch } from '../../src/threads/core/rematch.ts'
import { replay } from '../../src/threads/core/replay.ts'
import { rebuilderHere } from '../support/rebuilder-here.ts'
import type { World } from './world.ts'

/** Buckets of a rule's groups, and the one of the rule as a whole. */
const BUCKETS = 257

/** A checkpoint as it was at some moment, with the entry from which on the log is run again. */
export interface KeptCheckpoint {
  readonly next: number
  readonly time: TimeBucket | undefined
  readonly buckets: readonly SavedBucket[]
}

/**
 * The log run again answers what it answered then (design §4.1). From the checkpoint that
 * {@link checkState} used: it has run all of the log up to there from scratch.
 */
export async function checkReplay(world: World, kept: KeptCheckpoint | undefined): Promise<void> {
  const { log } = world.invariants
  const from = kept?.next ?? 0
  await run(world, storeOf(world, log, kept), from)
  world.say(`replayed ${log.length} from ${from}`)
}

/**
 * State equality: a start from the checkpoint and a run from scratch hold the same windows, byte
 * for byte, and so does every bucket that was last saved at its own entry. Nothing before the
 * first claim.
 */
export async function checkState(world: World): Promise<KeptCheckpoint | undefined> {
  const { log } = world.invariants
  const store = world.database.store({ before: () => undefined, committed: () => undefined })
  const shard = world.database.sql.prepare('SELECT checkpoint_next AS no FROM shard').get()
  if (shard === undefined) return undefined
  const next = Number(shard['no'])
  const { time, buckets: stored } = await store.loadCheckpoint()
  const buckets: SavedBucket[] = []
  for await (const bucket of stored) buckets.push(bucket)
  const recovered = await run(world, store, next)
  const whole = await run(world, storeOf(world, log), 0)
  const differing = differences(recovered, whole)
  if (differing.length > 0) {
    world.broken(`after entry ${log.length} a start from the checkpoint differs: ${differing[0]}`)
  }
  await checkSaved(world, buckets)
  return { next, time, buckets }
}

async function checkSaved(world: World, saved: readonly SavedBucket[]): Promise<void> {
  const last = Math.max(0, ...saved.map(({ no }) => no))
  const engine = await run(world, storeOf(world, world.invariants.log.slice(0, last)), 0)
  const inForce = new Set(engine.stateHashes().map(({ stateHash }) => stateHash))
  for (const bucket of saved) {
    if (bucket.no !== last || !inForce.has(bucket.stateHash)) continue
    if (Buffer.compare(engine.save(bucket), bucket.blob) === 0) continue
    world.broken(`bucket ${bucket.bucket} of ${bucket.ruleId} was saved wrong at entry ${last}`)
  }
}

function differences(a: Engine, b: Engine): string[] {
  return b.stateHashes().flatMap((rule) =>
    Array.from({ length: BUCKETS }, (_, bucket) => ({ ...rule, bucket }))
      .filter((name) => Buffer.compare(a.save(name), b.save(name)) !== 0)
      .map(({ ruleId, bucket }) => `bucket ${bucket} of ${ruleId}`),
  )
}

/** A store that holds these entries and this checkpoint, or none. */
function storeOf(world: World, log: readonly LogEntry[], kept?: KeptCheckpoint): CoreStore {
  const store: Pick<CoreStore, 'readLog' | 'loadRuleset' | 'loadCheckpoint'> = {
    async *readLog(from, kind) {
      for (const entry of log) {
        if (entry.no >= from && (kind === undefined || entry.body.kind === kind)) yield entry
      }
    },
    loadRuleset: async (hash) => world.rules.loaded.get(hash)?.content(),
    loadCheckpoint: async () => ({ time: kept?.time, buckets: each(kept?.buckets ?? []) }),
  }
  return store as CoreStore
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function run(world: World, store: CoreStore, from: number): Promise<Engine> {
  let rules: LoadedRules | undefined
  const partitions = new PartitionTracker([], (input) => rules?.timing(input) ?? DEFAULT_TIMING)
  const [journal, event] = [world.journal.reader(), new GelfEvent()]
  const report: Report = ({ name, detail }) =>
    world.broken(`replay: ${name} ${JSON.stringify(detail)}`)
  const { engine } = await replay({
    store,
    from,
    partitions,
    rematch: new Rematch(journal, event),
    rebuilder: rebuilderHere({ store, journal, partitions, report, loadRules: world.rules.load }),
    loadRules: world.rules.load,
    engineVersion: 'simulated',
    report,
    useRules: (used) => {
      rules = used
    },
  })
  return engine
}
