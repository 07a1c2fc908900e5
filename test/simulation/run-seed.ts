import { SimulatedDatabase } from './database.ts'
import { planOf } from './nemesis.ts'
import type { Action } from './nemesis.ts'
import { Random } from './random.ts'
import { checkState } from './replays.ts'
import { swarmOf } from './swarm.ts'
import { Trace } from './trace.ts'
import { verdictOn } from './verdict.ts'
import { RECEIVERS, World } from './world.ts'

export interface SeedResult {
  readonly seed: number
  readonly failures: readonly string[]
  readonly trace: string
  readonly lines: readonly string[]
  readonly plan: readonly Action[]
  readonly steps: number
  readonly commits: number
  readonly processes: number
  readonly virtualMs: number
}

/** What is said when the simulator, not what it plays, is at its end. */
export const ITSELF_FAILED = 'the simulation itself failed'

/** One world from its beginning to its verdict; equal arguments give the equal trace. */
export async function runSeed(
  seed: number,
  options: { readonly keepTrace?: boolean; readonly plan?: readonly Action[] } = {},
): Promise<SeedResult> {
  const swarm = swarmOf(seed)
  const plan = options.plan ?? planOf(swarm, new Random(seed, 'plan'), RECEIVERS)
  const trace = new Trace(options.keepTrace ?? false)
  const world = new World(seed, swarm, await SimulatedDatabase.create(), trace)
  try {
    await world.run(plan)
    const kept = await checkState(world)
    await world.calmDown()
    await verdictOn(world, kept)
  } catch (error) {
    world.broken(`${ITSELF_FAILED}: ${(error as Error).stack}`)
  }
  world.database.sql.close()
  return {
    seed,
    failures: world.failures,
    trace: trace.digest(),
    lines: trace.lines,
    plan,
    steps: world.scheduler.steps,
    commits: world.commits,
    processes: world.processes.length,
    virtualMs: world.scheduler.nowMs,
  }
}
