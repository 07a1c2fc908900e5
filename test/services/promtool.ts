import { spawnSync } from 'node:child_process'

import { needDebian, runs } from './debian.ts'

/**
 * Prometheus' own checker: `TOCSIN_PROMTOOL`, else `promtool` on the path, else Debian's package
 * `prometheus`, which is installed when we may. Throws with what to do when there is none.
 */
export function findPromtool(): string {
  const promtool = process.env['TOCSIN_PROMTOOL'] || 'promtool'
  needDebian({
    what: `promtool ("${promtool}")`,
    packages: ['prometheus'],
    isThere: () => runs(promtool, '--version'),
    instead: 'set TOCSIN_PROMTOOL to the program',
  })
  return promtool
}

/** What `promtool check metrics` says about a text: nothing when it is clean. */
export function checkMetrics(promtool: string, text: string): { status: number; output: string } {
  const run = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (run.error !== undefined) throw new Error(`${promtool} does not run`, { cause: run.error })
  return { status: run.status ?? -1, output: `${run.stdout}${run.stderr}` }
}
