/**
 * `npm run simulate -- --seeds N --from S` runs worlds; `--replay SEED` runs one and prints its
 * trace. Exit code 1 when one failed.
 */
import { parseArgs } from 'node:util'
import { runSeed } from './run-seed.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    replay: { type: 'string' },
    'stop-at-failure': { type: 'boolean', default: false },
  },
})
if (values.replay === undefined) await runMany(Number(values.from), Number(values.seeds))
else await replayOne(Number(values.replay))

async function runMany(from: number, seeds: number): Promise<void> {
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  const sum = { failed: 0, steps: 0, commits: 0, processes: 0, virtualMs: 0, run: 0 }
  for (let seed = from; seed < from + seeds; seed++) {
    const result = await runSeed(seed)
    sum.run++
    sum.steps += result.steps
    sum.commits += result.commits
    sum.processes += result.processes
    sum.virtualMs += result.virtualMs
    if (result.failures.length === 0) continue
    sum.failed++
    console.log(`seed ${seed}: ${result.failures[0]}`)
    console.log(`  npm run simulate -- --replay ${seed}`)
    if (values['stop-at-failure']) break
  }
  const seconds = (performance.now() - startMs) / 1_000
  const used = process.cpuUsage(cpu)
  const cpuSeconds = (used.user + used.system) / 1e6
  console.log(
    `${sum.run - sum.failed} of ${sum.run} seeds passed in ${seconds.toFixed(1)} s ` +
      `(${(sum.run / cpuSeconds).toFixed(1)} per CPU second): ` +
      `${sum.commits} transactions, ${sum.processes} processes, ${sum.steps} steps, ` +
      `${(sum.virtualMs / 3_600_000).toFixed(1)} h of virtual time`,
  )
  process.exitCode = sum.failed > 0 ? 1 : 0
}

async function replayOne(seed: number): Promise<void> {
  const { lines, failures, trace } = await runSeed(seed, { keepTrace: true })
  for (const line of lines) console.log(line)
  console.log(failures.length === 0 ? `seed ${seed} passed` : failures.join('\n'))
  console.log(`trace ${trace}`)
  process.exitCode = failures.length === 0 ? 0 : 1
}
