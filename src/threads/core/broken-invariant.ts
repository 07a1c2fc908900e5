/**
 * A broken promise of our own (I13): what is written down of it, so that people hear of it whatever
 * becomes of the process, and so that the next start knows that it is the second.
 */
import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { BrokenBody, BrokenSlice } from '../../model/broken.ts'
import type { CommitEntry, LogEntry } from '../../model/commit.ts'
import { FencedError, InvariantError, StoreWriteError } from '../../model/commit.ts'
import type { EpisodeChange } from '../../model/episode.ts'
import { effectsHash } from '../../rules/effects-hash.ts'
import { UnreadableStateError } from './replay.ts'
import type { Differences } from './verification.ts'
import { namesOf } from './verification.ts'
import { toldAtOnce } from './system-episode.ts'

/** Rule id of the incidents that say so; a colon keeps it apart from users' rules. */
export const BROKEN_RULE_ID = 'tocsin:invariant'

/** What such an incident says of itself. */
export const BROKEN_RULE: RuleInfo = {
  title: 'Tocsin has contradicted itself',
  labels: {},
  annotations: {
    summary:
      'A promise of Tocsin itself is broken ({{ group.broken }}; rules: {{ group.rules }}). It is ' +
      'started again; if the same is found then, it goes on with these rules marked as unverified.',
  },
  threshold: null,
  window: null,
  graylogUrl: null,
}

/** Thrown once it is written down: the process has to end and may be started again at once. */
export class BrokenInvariantError extends InvariantError {
  constructor({ message }: Pick<BrokenBody, 'message'>, cause?: unknown) {
    super(`${message}. It is written down; this process ends for a clean restart`)
    this.cause = cause
  }
}

/** Whether it is a promise of ours that broke, and not the disk or another owner. */
export function isBrokenPromise(error: unknown): boolean {
  return !(error instanceof FencedError || error instanceof StoreWriteError)
}

/** What a replay that contradicts the log is written down as. */
export function brokenReplay(
  { no, count, rules }: Differences,
  at: Pick<BrokenBody, 'nowMs' | 'isLive'>,
): BrokenBody {
  const entries = count === 1 ? `entry ${no}` : `${count} entries, the first of them ${no},`
  const message = `run again, ${entries} of the input log answered otherwise than before (rules: ${namesOf(rules)})`
  return { kind: 'broken', what: 'replay', no, count, rules, message, ...at }
}

/** What state that could not be read is written down as, when the rest was run without it. */
export function brokenState(
  rules: readonly string[],
  { no, nowMs }: Pick<BrokenBody, 'no' | 'nowMs'>,
): BrokenBody {
  const message = `the saved windows of ${namesOf(rules)} could not be read; they begin with none`
  return { kind: 'broken', what: 'start', no, nowMs, count: 0, rules, message, isLive: true }
}

/** What an error thrown in the middle of it is written down as. */
export function brokenBy(
  error: unknown,
  at: Pick<BrokenBody, 'nowMs' | 'isLive' | 'no' | 'what' | 'slice'>,
): BrokenBody {
  const doing = at.what === 'start' ? 'the input log could not be run again' : 'work failed'
  const message = `${doing} at entry ${at.no}: ${textOf(error)}`
  const rules = error instanceof UnreadableStateError ? [error.ruleId] : null
  return { kind: 'broken', count: 0, rules, message, ...at }
}

/** What is written down of records that are left out, because work failed over them twice. */
export function brokenRecords(
  { partition, from, to }: Omit<BrokenSlice, 'isAlone'>,
  at: Pick<BrokenBody, 'nowMs' | 'no' | 'rules'>,
): BrokenBody {
  const message = `work failed twice over records ${from} to ${to - 1} of ${partition}; they are left out`
  return { kind: 'broken', what: 'work', count: to - from, message, isLive: true, ...at }
}

/**
 * Whether the process before ended over its replay too, having written that down and done nothing
 * else. Not asked is whether it was the very same: two starts in a row are enough.
 */
export function isSecondStart(last: LogEntry | undefined): boolean {
  const body = last?.body
  return body?.kind === 'broken' && !body.isLive && body.what !== 'work'
}

/** An entry that no engine sees, with the incident for people. */
export function brokenEntry(body: BrokenBody): CommitEntry {
  const nothing = { episodes: [], slo: [], ledger: [], recomputes: [] }
  const effects = { ...nothing, episodes: changesOf(body) }
  return { body, effects, effectsHash: effectsHash(nothing), ruleHashes: {}, partitions: [] }
}

/** It has happened: what is left to do is for people. */
function changesOf({ what, no, count, rules, nowMs }: BrokenBody): EpisodeChange[] {
  const group = { broken: what, rules: namesOf(rules) }
  const name = [what, String(no), String(nowMs)]
  const value = Math.max(1, count)
  const when = { startMs: nowMs, endMs: nowMs }
  return toldAtOnce({ ruleId: BROKEN_RULE_ID, name, group, ...when, value }, nowMs)
}

/** An error's text in the log and in an incident: short, whatever threw it. */
const TEXT_MAX = 500

function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
}
