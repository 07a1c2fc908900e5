/**
 * `npm run simulate -- --seeds N --from S` runs worlds and closes with the figures; `--replay SEED`
 * runs one and prints its trace; `--shrink SEED` finds the few actions that make it fail, and
 * `--replay SEED --only 3,7` runs with those alone. Exit code 1 when a seed failed.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { planOf } from './nemesis.ts'
import { Random } from './random.ts'
import { runMany } from './run-many.ts'
import { runSeed } from './run-seed.ts'
import { shrink } from './shrink.ts'
import { swarmOf } from './swarm.ts'
import { RECEIVERS } from './world.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.min(availableParallelism(), 4)) },
    replay: { type: 'string' },
    only: { type: 'string' },
    shrink: { type: 'string' },
    'stop-at-failure': { type: 'boolean', default: false },
    progress: { type: 'boolean', default: false },
  },
})

const PROGRESS_MS = 15_000

if (values.replay !== undefined) await replayOne(Number(values.replay))
else if (values.shrink !== undefined) await shrinkOne(Number(values.shrink))
else await runAll(Number(values.from), Number(values.seeds))

async function runAll(from: number, seeds: number): Promise<void> {
  const startMs = performance.now()
  let done = 0
  let told = startMs
  const figures = await runMany({
    from,
    seeds,
    jobs: Math.max(1, Math.min(Number(values.jobs), seeds)),
    onResult({ seed, failures }) {
      done++
      if (values.progress && performance.now() - told >= PROGRESS_MS) {
        told = performance.now()
        console.log(`${done} of ${seeds} seeds`)
      }
      if (failures.length === 0) return true
      console.log(`seed ${seed}: ${failures[0]!.split('\n')[0]!.slice(0, 400)}`)
      console.log(`  npm run simulate -- --replay ${seed}`)
      return !values['stop-at-failure']
    },
  })
  const seconds = (performance.now() - startMs) / 1_000
  const { run, failed, commits, processes, steps, virtualMs } = figures
  console.log(
    `${run - failed} of ${run} seeds passed in ${seconds.toFixed(1)} s ` +
      `(${(run / seconds).toFixed(1)} a second): ${commits} transactions, ` +
      `${processes} processes, ${steps} steps, ${(virtualMs / 3_600_000).toFixed(1)} h of virtual time`,
  )
  process.exitCode = failed > 0 || run === 0 ? 1 : 0
}

async function replayOne(seed: number): Promise<void> {
  const only = values.only?.split(',').map(Number)
  const plan = planOf(swarmOf(seed), new Random(seed, 'plan'), RECEIVERS)
  const kept = plan.filter(({ number }) => only === undefined || only.includes(number))
  const { lines, failures, trace } = await runSeed(seed, { keepTrace: true, plan: kept })
  for (const line of lines) console.log(line)
  console.log(failures.length === 0 ? `seed ${seed} passed` : failures.join('\n'))
  console.log(`trace ${trace}`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

async function shrinkOne(seed: number): Promise<void> {
  const { plan, failures } = await shrink(seed, (line) => console.log(line))
  if (failures.length === 0) {
    console.log(`seed ${seed} passed`)
    return
  }
  for (const action of plan) console.log(JSON.stringify(action))
  for (const failure of failures) console.log(failure)
  const numbers = plan.map(({ number }) => number).join(',')
  console.log(`npm run simulate -- --replay ${seed} --only ${numbers === '' ? 'none' : numbers}`)
  process.exitCode = 1
}
