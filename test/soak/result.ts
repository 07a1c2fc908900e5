import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fingerprint } from './fingerprint.ts'
import type { Subject } from './subjects.ts'

/** The last run of each subject, by name: what is committed. */
export type SoakResult = Readonly<Record<string, SubjectResult>>

export interface SubjectResult {
  readonly verdict: 'passed' | 'failed'
  /** UTC. */
  readonly date: string
  /** The commit that was checked out, `+` behind it when files had been changed since. */
  readonly commit: string | null
  readonly size: number
  readonly seconds: number
  /** What the run said about itself. */
  readonly figures: string
  /** Of each folder that the subject is about, as it was when the run began and when it ended. */
  readonly fingerprints: Readonly<Record<string, string>>
}

const DAY_MS = 86_400_000

/** Throws when the file is there and is no result. */
export function readResult(file: string): SoakResult {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SoakResult) : {}
}

export function writeResult(file: string, result: SoakResult): void {
  const sorted = Object.fromEntries(Object.entries(result).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`)
}

export function fingerprintsOf(root: string, subject: Subject): Record<string, string> {
  return Object.fromEntries(subject.folders.map((folder) => [folder, fingerprint(root, folder)]))
}

/**
 * Why a subject's last run does not stand for the code at `root`, as a sentence that ends with the
 * command to run; `undefined` when it does.
 */
export function complaint(
  root: string,
  subject: Subject,
  last: SubjectResult | undefined,
  nowMs: number,
): string | undefined {
  const reason = reasonOf(root, subject, last, nowMs)
  return reason && `The soak of "${subject.name}" ${reason}; run: npm run soak -- ${subject.name}`
}

function reasonOf(
  root: string,
  { size, ...subject }: Subject,
  last: SubjectResult | undefined,
  nowMs: number,
): string | undefined {
  if (last === undefined) return 'was never run'
  if (last.verdict !== 'passed') return `failed on ${last.date}`
  if (last.size !== size.full) {
    return `ran ${last.size} ${size.unit} on ${last.date} and not ${size.full}`
  }
  if (subject.days !== undefined) {
    const isOld = nowMs - Date.parse(last.date) > (subject.days + 1) * DAY_MS
    return isOld ? `is of ${last.date}, more than ${subject.days} days ago` : undefined
  }
  const now = fingerprintsOf(root, { size, ...subject })
  const changed = subject.folders.filter((folder) => now[folder] !== last.fingerprints[folder])
  if (changed.length === 0) return undefined
  return `is of ${last.date}, and ${changed.join(' and ')} changed since`
}
