/**
 * The machine that tries to break the promises (reference: reliability §5), on every change:
 * 2,000 worlds, and the proof that it would notice if one of them were broken.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runSeed } from './run-seed.ts'

const SEEDS = 2_000

function run(script: string, ...args: readonly string[]): { status: number | null; last: string } {
  const file = join(import.meta.dirname, script)
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    encoding: 'utf8',
  })
  console.log(stdout.trimEnd())
  return { status, last: stdout.trimEnd().split('\n').at(-1) ?? stderr }
}

describe('the simulated world', () => {
  it('is a function of the seed', async () => {
    const [first, second, other] = [await runSeed(7), await runSeed(7), await runSeed(8)]
    expect(second.trace).toBe(first.trace)
    expect(other.trace).not.toBe(first.trace)
  })

  it(`keeps every promise in ${SEEDS} runs`, () => {
    const { status, last } = run('main.ts', '--seeds', String(SEEDS))
    expect(last).toContain(`${SEEDS} of ${SEEDS} seeds passed`)
    expect(status).toBe(0)
  })

  it('notices every planted bug', () => {
    expect(run('mutants.ts')).toMatchObject({ status: 0 })
  })
})
