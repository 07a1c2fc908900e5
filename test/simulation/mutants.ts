/**
 * The mutation gate: `npm run mutants` plants each of these bugs into a copy of src/ and requires
 * that the simulator finds it within 50 seeds. A simulator that finds nothing proves nothing.
 *
 * Each bug is an exact text replacement; when the text is not found exactly once, the code has
 * moved on and the gate fails until the bug is written anew.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MUTANTS } from './mutant-list.ts'
import type { Mutant } from './mutant-list.ts'

const SEEDS = 50
const root = join(import.meta.dirname, '..', '..')

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name.includes(values.only))
let found = 0
for (const mutant of chosen) {
  const answer = verdictOn(mutant)
  if (answer.isFound) found++
  console.log(`${answer.isFound ? 'found' : 'MISSED'}  ${mutant.name}: ${answer.how}`)
}
console.log(`${found} of ${chosen.length}`)
process.exitCode = found === chosen.length ? 0 : 1

function verdictOn(mutant: Mutant): { readonly isFound: boolean; readonly how: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-mutant-'))
  try {
    cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true })
    cpSync(import.meta.dirname, join(folder, 'test', 'simulation'), { recursive: true })
    cpSync(join(root, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const { file, find, replace } of mutant.edits) {
      const path = join(folder, file)
      const parts = readFileSync(path, 'utf8').split(find)
      if (parts.length !== 2) {
        const how = `its text is ${parts.length - 1} times in ${file}, expected once`
        return { isFound: false, how }
      }
      writeFileSync(path, parts.join(replace))
    }
    return hunt(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function hunt(folder: string): { readonly isFound: boolean; readonly how: string } {
  const script = join(folder, 'test', 'simulation', 'main.ts')
  const args = [script, '--seeds', String(SEEDS), '--stop-at-failure']
  const run = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  const line = run.stdout.split('\n').find((text) => text.startsWith('seed '))
  if (line !== undefined) return { isFound: true, how: line.slice(0, 160) }
  // A mutant that does not even start says nothing about the simulator.
  const how = run.status === 0 ? `${SEEDS} seeds passed` : `it did not run: ${run.stderr}`
  return { isFound: false, how: how.slice(0, 2_000) }
}
