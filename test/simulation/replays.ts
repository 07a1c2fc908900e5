import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CoreStore, LogEntry, SavedBucket } from '../../src/model/commit.ts'
import type { Report } from '../../src/model/occurrence.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { Engine } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { LoadedRules } from '../../src/threads/core/loaded-rules.ts'
import { Rebuilder } from '../../src/threads/core/rebuilder.ts'
import { Rematch } from '../../src/threads/core/rematch.ts'
import { replay } from '../../src/threads/core/replay.ts'
import type { World } from './world.ts'

/** Buckets of a rule's groups, and the one of the rule as a whole. */
const BUCKETS = 257

/** The log run from scratch answers what it answered then (design §4.1). */
export async function checkReplay(world: World): Promise<void> {
  const { log } = world.invariants
  await run(world, fromScratch(world, log), 0)
  world.say(`replayed ${log.length}`)
}

/**
 * State equality: a start from the checkpoint and a run from scratch hold the same windows, byte
 * for byte, and so does every bucket that was last saved at its own entry.
 */
export async function checkState(world: World): Promise<void> {
  const { log } = world.invariants
  const store = world.database.store({ before: () => undefined, committed: () => undefined })
  const shard = world.database.sql.prepare('SELECT checkpoint_next AS no FROM shard').get()
  if (shard === undefined) return
  const recovered = await run(world, store, Number(shard['no']))
  const whole = await run(world, fromScratch(world, log), 0)
  const differing = differences(recovered, whole)
  if (differing.length > 0) {
    world.broken(`after entry ${log.length} a start from the checkpoint differs: ${differing[0]}`)
  }
  await checkSaved(world, store)
}

async function checkSaved(world: World, store: CoreStore): Promise<void> {
  const saved: SavedBucket[] = []
  for await (const bucket of (await store.loadCheckpoint()).buckets) saved.push(bucket)
  const last = Math.max(0, ...saved.map(({ no }) => no))
  const engine = await run(world, fromScratch(world, world.invariants.log.slice(0, last)), 0)
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

/** A store that holds no checkpoint and forgot no entry. */
function fromScratch(world: World, log: readonly LogEntry[]): CoreStore {
  const store: Pick<CoreStore, 'readLog' | 'loadRuleset' | 'loadCheckpoint'> = {
    async *readLog() {
      yield* log
    },
    loadRuleset: async (hash) => world.rules.loaded.get(hash)?.content(),
    loadCheckpoint: async () => ({ time: undefined, buckets: nothing() }),
  }
  return store as CoreStore
}

async function* nothing(): AsyncGenerator<SavedBucket> {}

async function run(world: World, store: CoreStore, from: number): Promise<Engine> {
  let rules: LoadedRules | undefined
  const partitions = new PartitionTracker([], (input) => rules?.timing(input) ?? DEFAULT_TIMING)
  const [journal, event] = [world.journal.reader(), new GelfEvent()]
  const report: Report = ({ name, detail }) =>
    world.broken(`replay: ${name} ${JSON.stringify(detail)}`)
  const post = (): void => undefined
  const { engine } = await replay({
    store,
    from,
    partitions,
    rematch: new Rematch(journal, event),
    rebuilder: new Rebuilder({ store, journal, event, partitions, report, post }),
    loadRules: world.rules.load,
    engineVersion: 'simulated',
    report,
    useRules: (used) => {
      rules = used
    },
  })
  return engine
}
