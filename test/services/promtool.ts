import { execFileSync, spawnSync } from 'node:child_process'

/**
 * Prometheus' own checker: `TOCSIN_PROMTOOL`, else `promtool` on the path, else Debian's package
 * `prometheus`, which is installed when we may. Throws with what to do when there is none.
 */
export function findPromtool(): string {
  const named = process.env['TOCSIN_PROMTOOL']
  if (named !== undefined && named !== '') return named
  if (isThere('promtool')) return 'promtool'
  if (process.getuid?.() === 0 && isThere('apt-get')) {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' })
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'prometheus'], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (isThere('promtool')) return 'promtool'
  }
  throw new Error(
    'promtool is missing: install the Debian package "prometheus", or set TOCSIN_PROMTOOL to it',
  )
}

/** What `promtool check metrics` says about a text: nothing when it is clean. */
export function checkMetrics(promtool: string, text: string): { status: number; output: string } {
  const run = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (run.error !== undefined) throw new Error(`${promtool} does not run`, { cause: run.error })
  return { status: run.status ?? -1, output: `${run.stdout}${run.stderr}` }
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}
