import { spawnSync } from 'node:child_process'

/** One at a time, also when several test files run: apt has no patience for a taken lock. */
const LOCK = '/var/lock/tocsin-tests-apt'

export interface DebianNeed {
  /** What the test cannot do without, for people. */
  readonly what: string
  readonly packages: readonly string[]
  readonly isThere: () => boolean
  /** Another way to bring it, such as a variable that names the program. */
  readonly instead?: string
}

/**
 * Makes sure that something of Debian is there, and installs its packages when we may. Throws
 * with what to do when it is missing and cannot be installed: a test never passes without it.
 */
export function needDebian({ what, packages, isThere, instead }: DebianNeed): void {
  if (isThere()) return
  const names = packages.join(' ')
  const todo =
    `run as root on Debian: apt-get update && apt-get install -y --no-install-recommends ${names}` +
    (instead === undefined ? '' : `; or ${instead}`)
  if (process.getuid?.() !== 0 || !runs('apt-get', '--version')) {
    throw new Error(`${what} is missing, and only root on Debian can install it. ${todo}`)
  }
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  let failure = aptGet(install)
  // Package lists are often missing in a container, or name versions that are gone.
  if (failure !== undefined) failure = aptGet(['update']) ?? aptGet(install)
  if (failure !== undefined || !isThere()) {
    throw new Error(`${what} is missing and could not be installed (${failure ?? names}). ${todo}`)
  }
}

/** Whether a program starts and ends well. */
export function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

/** Undefined when it went well, else the last thing it said. */
function aptGet(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('flock', [LOCK, 'apt-get', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (status === 0) return undefined
  return error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`
}
