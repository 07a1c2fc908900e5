/** `npm run bench -- NAME [--rounds N]`: runs one benchmark, or lists them. */
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'

import type { Benchmark } from './benchmark.ts'
import { markdown } from './benchmark.ts'
import { durable } from './durable.ts'
import { intake } from './intake.ts'
import { journal } from './journal.ts'
import { kafka } from './kafka.ts'
import { match } from './match.ts'
import { rebuild } from './rebuild.ts'
import { restart } from './restart.ts'
import { scan } from './scan.ts'
import { state } from './state.ts'
import { webhook } from './webhook.ts'
import { windows } from './windows.ts'

/** Every benchmark has a section of this name in RESULTS.md. */
export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  intake,
  durable,
  kafka,
  scan,
  match,
  windows,
  state,
  journal,
  webhook,
  rebuild,
  restart,
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '5' } },
  })
  process.exitCode = await run(positionals[0], Number(values.rounds))
}

async function run(name: string | undefined, rounds: number): Promise<number> {
  const benchmark = name === undefined ? undefined : BENCHMARKS[name]
  if (benchmark === undefined || !Number.isSafeInteger(rounds) || rounds < 1) {
    if (name !== undefined && benchmark === undefined) console.error(`no benchmark "${name}"`)
    console.error('usage: npm run bench -- NAME [--rounds N], where NAME is one of')
    for (const [each, { summary }] of Object.entries(BENCHMARKS)) {
      console.error(`  ${each.padEnd(8)} ${summary}`)
    }
    return name === undefined ? 0 : 2
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`
  console.log(`${name}: ${benchmark.summary}\n${machine}, ${rounds} rounds\n`)
  const { table, figure, shortfalls } = await benchmark.run({ rounds })
  const load = loadavg()[0]!.toFixed(1)
  console.log(`${markdown(table)}\n\nload of the last minute, ours included: ${load}\n`)
  for (const why of shortfalls) console.log(`FALLS SHORT: ${why}`)
  console.log(`${name}: ${figure}`)
  return shortfalls.length === 0 ? 0 : 1
}
