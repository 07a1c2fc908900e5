/**
 * The mutation gate: `npm run mutants` plants each of these bugs into a copy of src/ and requires
 * that the simulator finds it within 50 seeds. A simulator that finds nothing proves nothing.
 *
 * Found means that an invariant or the oracle said so: a mutant that crashes the simulator, eats
 * the memory or never ends is stopped and does not count.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MUTANTS } from './mutant-list.ts'
import type { Mutant } from './mutant-list.ts'
import { plant } from './plant.ts'
import { ITSELF_FAILED } from './run-seed.ts'

const SEEDS = 50
/** Far more than 50 seeds take on a busy machine. */
const TIMEOUT_MS = 120_000
const root = join(import.meta.dirname, '..', '..')

interface Answer {
  readonly isFound: boolean
  readonly how: string
}

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name.includes(values.only))
const startMs = performance.now()
let found = 0
for (const mutant of chosen) {
  const answer = verdictOn(mutant)
  if (answer.isFound) found++
  console.log(`${answer.isFound ? 'found' : 'MISSED'}  ${mutant.name}: ${answer.how}`)
}
const seconds = ((performance.now() - startMs) / 1_000).toFixed(0)
console.log(`${found} of ${chosen.length} found in ${seconds} s`)
process.exitCode = found === chosen.length && found > 0 ? 0 : 1

function verdictOn(mutant: Mutant): Answer {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-mutant-'))
  try {
    for (const room of ['src', 'test']) {
      cpSync(join(root, room), join(folder, room), { recursive: true })
    }
    cpSync(join(root, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const edit of mutant.edits) plant(folder, edit)
    return hunt(folder)
  } catch (error) {
    return { isFound: false, how: (error as Error).message }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function hunt(folder: string): Answer {
  const script = join(folder, 'test', 'simulation', 'main.ts')
  const args = [script, '--seeds', String(SEEDS), '--stop-at-failure']
  const run = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const line = run.stdout.split('\n').find((text) => text.startsWith('seed '))
  const how = line?.slice(0, 160)
  if (how !== undefined) return { isFound: !how.includes(ITSELF_FAILED), how }
  if (run.signal !== null) return { isFound: false, how: `no answer within ${TIMEOUT_MS / 1000} s` }
  if (run.status === 0) return { isFound: false, how: `${SEEDS} seeds passed` }
  const error = run.stderr.split('\n').find((text) => /Error\b.*: /.test(text)) ?? run.stderr
  return { isFound: false, how: `it did not run: ${error.slice(0, 400)}` }
}
