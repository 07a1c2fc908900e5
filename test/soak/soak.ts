import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTestReport } from '../test-report.ts'
import { fingerprintsOf } from './result.ts'
import type { SubjectResult } from './result.ts'
import type { Command, Subject } from './subjects.ts'

/** For a test of a soak; what a single one may take in `.ci/run` is no measure here. */
const TEST_TIMEOUT_MS = 3_600_000

interface Outcome {
  readonly isGood: boolean
  readonly figures: string
}

/** Runs one subject, showing what it prints; the result says `passed` only for a whole run. */
export async function soak(root: string, subject: Subject, size: number): Promise<SubjectResult> {
  const fingerprints = fingerprintsOf(root, subject)
  const startMs = Date.now()
  const outcome = await run(root, subject.command(size))
  const after = fingerprintsOf(root, subject)
  const changed = subject.folders.filter((folder) => after[folder] !== fingerprints[folder])
  const { isGood, figures } =
    changed.length === 0
      ? outcome
      : { isGood: false, figures: `${changed.join(' and ')} changed under way` }
  return {
    verdict: isGood ? 'passed' : 'failed',
    date: new Date(startMs).toISOString().slice(0, 10),
    commit: commitOf(root),
    size,
    seconds: Math.round((Date.now() - startMs) / 1_000),
    figures,
    fingerprints,
  }
}

async function run(root: string, command: Command): Promise<Outcome> {
  if (command.kind === 'program') {
    const { status, last } = await shown(root, process.execPath, command.arguments)
    return { isGood: status === 0, figures: last }
  }
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-soak-'))
  const report = join(folder, 'report.json')
  try {
    const { project, file, env } = command
    const timeout = `--testTimeout=${TEST_TIMEOUT_MS}`
    const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`]
    const args = ['run', '--project', project, file, timeout, ...reporters]
    const { status } = await shown(root, 'vitest', args, env)
    const { passed, failed, skipped, names } = readTestReport(report, status ?? 1)
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`
    return {
      isGood: failed === 0 && skipped === 0 && passed > 0,
      figures: [counts, ...names].join('; '),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a command whose output is shown, and kept for its last line. */
async function shown(
  root: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | null; readonly last: string }> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let end = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text)
    end = (end + text).slice(-2_000)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, last: end.trimEnd().split('\n').at(-1) ?? '' }
}

/** `null` where there is no history. */
function commitOf(root: string): string | null {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  const head = git('rev-parse', '--short=12', 'HEAD')
  if (head.status !== 0) return null
  return head.stdout.trim() + (git('status', '--porcelain', 'src').stdout.trim() === '' ? '' : '+')
}
