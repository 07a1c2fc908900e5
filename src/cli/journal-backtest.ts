import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GelfEvent } from '../ingest/normalise/gelf-event.ts'
import type { JournalReader } from '../ingest/journal/journal.ts'
import { openJournalReader } from '../ingest/journal/sqlite-journal.ts'
import { CleanUps } from '../lib/clean-ups.ts'
import type { InputTiming } from '../model/partition.ts'
import { ProblemError } from '../model/problem.ts'
import { openClockEntries } from '../store/sqlite/clock-entries.ts'
import { selfKey } from '../threads/self-key.ts'
import { selfVerifier } from '../threads/self-verifier.ts'
import { databaseFile, journalFolder } from '../threads/thread-settings.ts'
import { instant } from './instant.ts'
import { withClock } from '../threads/journal-steps.ts'
import type { JournalStep } from '../threads/journal-steps.ts'
import { batchesInOrder } from './journal-events.ts'
import type { JournalRange } from './journal-events.ts'
import { matchBatch } from './log-run.ts'
import type { LogRun } from './log-run.ts'
import { withMadeClock } from './made-clock.ts'

export interface JournalBacktest {
  /** Data folder of a service, running or not; nothing in it is changed. */
  readonly data: string
  readonly range: JournalRange
  readonly timing: (input: string) => InputTiming
  /** Something of the range is missing, or was worked out instead of read: a sentence. */
  readonly onWarning: (sentence: string) => void
  /** After each batch: events so far, and the share of the range from 0 to 1. */
  readonly onProgress: (events: number, share: number) => void
}

/**
 * Runs rule sets over what a service's journal received in a range, all in one pass, and then lets
 * time pass until everything has settled. Answers how many events there were. Throws a
 * `ProblemError` where there is no journal, or none of the range is kept.
 */
export async function runOverJournal(
  options: JournalBacktest,
  runs: readonly LogRun[],
): Promise<number> {
  const cleanUps = new CleanUps()
  try {
    const { range } = options
    const journal = openJournal(options)
    cleanUps.add('journal', () => journal.close())
    checkCoverage(journal, options)
    const batches = batchesInOrder(journal, range, (partition, from, to) => {
      options.onWarning(`positions ${from} to ${to - 1} of ${partition} are missing`)
    })
    const steps = stepsOf(batches, options, cleanUps)
    return runAll(steps, options, runs)
  } finally {
    await cleanUps.run()
  }
}

function openJournal({ data, onWarning }: JournalBacktest): JournalReader {
  const folder = journalFolder({ data })
  if (!existsSync(folder)) {
    throw unreadable(data, 'no journal is there; expected the data folder of a service')
  }
  const report: Parameters<typeof openJournalReader>[0]['report'] = ({ name, detail }) =>
    onWarning(`${name} ${JSON.stringify(detail ?? {})}`)
  return openJournalReader({ folder, report })
}

/** Says what of the range the journal does not, or no longer, hold. */
function checkCoverage(
  journal: JournalReader,
  { data, range: { fromMs, toMs }, onWarning }: JournalBacktest,
): void {
  const newestMs = Math.max(...journal.partitions().map(({ maxReceivedMs }) => maxReceivedMs))
  const [oldest] = journal.readSince(undefined, 0)
  if (oldest === undefined) throw unreadable(data, 'the journal is empty')
  const begins = `the journal begins at ${instant(oldest.receivedMs)}`
  if (toMs <= oldest.receivedMs) throw unreadable(data, `${begins}, after the end of the range`)
  if (fromMs < oldest.receivedMs) onWarning(`${begins}: nothing before it is kept`)
  if (fromMs > newestMs) {
    onWarning(`the latest record was received at ${instant(newestMs)}, before the range`)
  }
}

function stepsOf(
  batches: ReturnType<typeof batchesInOrder>,
  { data, range, timing, onWarning }: JournalBacktest,
  cleanUps: CleanUps,
): Iterable<JournalStep> {
  const file = databaseFile({ data })
  if (existsSync(file)) {
    try {
      const { entries, close } = openClockEntries(file)
      cleanUps.add('database', close)
      return withClock(batches, entries(), range.toMs)
    } catch (error) {
      throw unreadable(file, `the database cannot be read: ${(error as Error).message}`)
    }
  }
  onWarning('no database is beside the journal: when inputs were idle is worked out from it')
  return withMadeClock(batches, timing, range.toMs)
}

function runAll(
  steps: Iterable<JournalStep>,
  { data, range, onProgress }: JournalBacktest,
  runs: readonly LogRun[],
): number {
  const { fromMs, toMs } = range
  const event = new GelfEvent(verifierOf(data))
  let isLeading = true
  let nowMs = -Infinity
  let events = 0
  for (const step of steps) {
    const atMs = step.kind === 'batch' ? step.batch.receivedMs : step.body.nowMs
    nowMs = Math.max(nowMs, atMs)
    if (isLeading && atMs >= fromMs) {
      isLeading = false
      for (const run of runs) run.clock({ kind: 'clock', nowMs, partitions: [] })
    }
    if (step.kind === 'clock') {
      const body = { ...step.body, nowMs }
      for (const run of runs) {
        if (isLeading) run.lead(body, nowMs)
        else run.clock(body)
      }
      continue
    }
    const { batch } = step
    if (isLeading) {
      const maxTimeMs = matchBatch(batch, event, [])
      for (const run of runs) run.lead({ batch, maxTimeMs }, nowMs)
      continue
    }
    const maxTimeMs = matchBatch(batch, event, runs)
    for (const run of runs) run.batch(batch, maxTimeMs, nowMs)
    events += batch.count
    onProgress(events, (nowMs - fromMs) / (toMs - fromMs))
  }
  for (const run of runs) run.settle(Math.max(nowMs, fromMs))
  return events
}

/** The key is only read: a folder without one never verified a record as our own. */
function verifierOf(data: string): ConstructorParameters<typeof GelfEvent>[0] {
  if (!existsSync(join(data, 'self.key'))) return {}
  return { verifySelf: selfVerifier(selfKey(data).toString('hex')) }
}

function unreadable(file: string, message: string): ProblemError {
  return new ProblemError([{ code: 'unreadable', severity: 'error', message, file }])
}
