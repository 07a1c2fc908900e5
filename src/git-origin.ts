import { execFile } from 'node:child_process'
import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { visibleText } from './lib/visible-text.ts'
import type { RulesetOrigin } from './model/ruleset.ts'

/** Runs git in a folder and answers what it printed; `undefined` when it failed or took too long. */
export type GitRun = (args: readonly string[], folder: string) => Promise<string | undefined>

/** All calls of one look together: the rules must not wait for longer. */
const LIMIT_MS = 2_000
const OUTPUT_MAX = 1024 * 1024
const APPROVER_MAX = 200

/**
 * Commit, pull request and approver of the rules, where all the paths lie in one git checkout;
 * else, without git, or when it takes too long, `null`. Never rejects.
 */
export async function gitOrigin(
  paths: readonly string[],
  run: GitRun,
): Promise<RulesetOrigin | null> {
  const places = placesOf(paths)
  if (places === undefined) return null
  const heads = await Promise.all(
    places.map(({ folder }) => run(['rev-parse', '--show-toplevel', 'HEAD'], folder)),
  )
  const [found] = heads
  if (found === undefined || heads.some((head) => head !== found)) return null
  const [top, head] = splitLast(found.trimEnd())
  const rules = ['--', ...places.map(({ path }) => path)]
  const [log, status] = await Promise.all([
    run(['log', '-1', '--first-parent', '--format=%H%n%B', ...rules], top),
    run(['status', '--porcelain', '--untracked-files=all', ...rules], top),
  ])
  if (log === undefined || status === undefined) return null
  // Rules that no commit has yet: they stand beside the commit that is checked out.
  if (log === '') return { commit: head, isDirty: true, pullRequest: null, approver: null }
  const [commit = '', ...message] = log.split('\n')
  return { commit, isDirty: status !== '', ...changeOf(message.join('\n')) }
}

/**
 * What a commit message says of its pull request: `Merge pull request #12 …` or `… (#12)` as its
 * subject, `Reviewed-by:` and `Approved-by:` in its last paragraph.
 */
export function changeOf(message: string): Pick<RulesetOrigin, 'pullRequest' | 'approver'> {
  const [subject = '', ...body] = message.trim().split('\n')
  const number =
    /^Merge pull request #(\d{1,9})\b/.exec(subject) ?? /\(#(\d{1,9})\)\s*$/.exec(subject)
  const [last = ''] = body
    .join('\n')
    .split(/\n\s*\n/)
    .slice(-1)
  const names = last.split('\n').flatMap((line) => {
    const name = /^(?:Reviewed|Approved)-by:(.*)$/i.exec(line)?.[1]?.trim() ?? ''
    return name === '' ? [] : [visibleText(name)]
  })
  const approver = [...new Set(names)].join(', ').slice(0, APPROVER_MAX)
  return {
    pullRequest: number === null ? null : Number(number[1]),
    approver: approver === '' ? null : approver,
  }
}

/**
 * Git as a child process, for one {@link gitOrigin}: together its calls end within two seconds.
 * The checkout's own settings cannot make it run other programs, and nothing is written.
 */
export function gitRunner(
  env: Readonly<Record<string, string | undefined>>,
  limitMs = LIMIT_MS,
): GitRun {
  const signal = AbortSignal.timeout(limitMs)
  const own = Object.entries(env).filter(([name]) => !name.startsWith('GIT_'))
  const settings = { env: { ...Object.fromEntries(own), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' } }
  return (args, folder) =>
    new Promise((resolve) => {
      const options = { ...settings, cwd: folder, maxBuffer: OUTPUT_MAX, signal }
      const child = execFile(
        'git',
        [...CAREFUL, ...args],
        { ...options, killSignal: 'SIGKILL', encoding: 'utf8' },
        (error, stdout) => resolve(error === null ? stdout : undefined),
      )
      child.stdin?.end()
    })
}

const CAREFUL = [
  '--no-optional-locks',
  '--literal-pathspecs',
  ...['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'log.showSignature=false'].flatMap(
    (setting) => ['-c', setting],
  ),
]

interface Place {
  /** Absolute, links followed. */
  readonly path: string
  readonly folder: string
}

function placesOf(paths: readonly string[]): Place[] | undefined {
  if (paths.length === 0) return undefined
  try {
    return paths.map((named) => {
      const path = realpathSync(named)
      return { path, folder: statSync(path).isDirectory() ? path : dirname(path) }
    })
  } catch {
    // A path that is not there has no origin; that it is missing is the rules' own problem.
    return undefined
  }
}

function splitLast(text: string): readonly [before: string, last: string] {
  const at = text.lastIndexOf('\n')
  return [text.slice(0, Math.max(at, 0)), text.slice(at + 1)]
}
