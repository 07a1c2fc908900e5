import { canonicalJson } from '../lib/canonical.ts'
import { hash64 } from '../lib/hash64.ts'
import type { Effects } from '../model/commit.ts'
import { formatDuration } from '../model/duration.ts'
import type { EpisodeChange, EpisodeChangeKind } from '../model/episode.ts'
import { DEFAULT_TIMING } from '../model/partition.ts'
import { PlainEvent } from '../model/plain-event.ts'
import type { Severity } from '../model/severity.ts'
import { EventStream } from './event-stream.ts'
import type { Matcher } from './matching/matcher.ts'
import type { CompiledRuleset, Rule, RuleTest, TestExpectation } from './rule.ts'

export interface RuleTestResult {
  readonly rule: string
  readonly name: string
  readonly ok: boolean
  /** What was expected and what came instead, a sentence each; empty when the test passed. */
  readonly message: string
}

/** Virtual time 0: a full second, an ordinary day. */
const START_MS = Date.UTC(2026, 0, 1)
const BEAT_MS = 1_000

/** Changes that a test can name; others (`changed`, `merged`) follow from these. */
const NAMES: Partial<Record<EpisodeChangeKind, TestExpectation['change']>> = {
  opened: 'open',
  refired: 'refire',
  escalated: 'escalate',
  cleared: 'clear',
  settled: 'settle',
}

/**
 * Runs one test of a rule on a virtual clock through the engine that runs live (I7). The input is
 * alive: other traffic moves its watermark every second, up to `watch_until`. A test is closed:
 * every opening, refire, escalation and clearing that it does not expect fails it.
 */
export function runRuleTest(
  rule: Rule,
  test: RuleTest,
  options: {
    readonly matcherFor: (ruleset: CompiledRuleset) => Matcher
    readonly reorderMs?: number
  },
): RuleTestResult {
  const ruleset: CompiledRuleset = { hash: rule.stateHash, rules: [rule], counters: [] }
  const reorderMs = options.reorderMs ?? DEFAULT_TIMING.reorderMs
  const { matcherFor } = options
  const run = new VirtualRun(new EventStream({ ruleset, matcherFor, reorderMs }))
  for (const { atMs, arrivalMs, fields } of arrivalsOf(test)) {
    if (arrivalMs > test.watchUntilMs) break
    run.passBefore(arrivalMs)
    run.arrive(eventOf(START_MS + atMs, START_MS + arrivalMs, fields))
  }
  run.passTo(test.watchUntilMs)
  const complaints = compare(test, run.seen)
  const message = complaints.join('; ')
  return { rule: rule.id, name: test.name, ok: complaints.length === 0, message }
}

interface TestArrival {
  readonly atMs: number
  readonly arrivalMs: number
  readonly fields: Readonly<Record<string, string | number>>
}

/** By time of arrival; together, in the order in which the test lists them. */
function arrivalsOf(test: RuleTest): TestArrival[] {
  const arrivals = test.events.flatMap(({ atMs, everyMs, times, delayMs, fields }) =>
    Array.from({ length: times }, (_, i) => {
      const eventMs = atMs + i * everyMs
      return { atMs: eventMs, arrivalMs: eventMs + delayMs, fields }
    }),
  )
  return arrivals.sort((a, b) => a.arrivalMs - b.arrivalMs)
}

function eventOf(
  timeMs: number,
  receivedMs: number,
  fields: Readonly<Record<string, string | number>>,
): PlainEvent {
  const hash = hash64(new TextEncoder().encode(canonicalJson(fields)))
  return new PlainEvent({ fields: new Map(Object.entries(fields)), timeMs, receivedMs, hash })
}

/** What a test can see of a change. */
interface Seen {
  readonly change: TestExpectation['change']
  /** Virtual time of arrival. */
  readonly atMs: number
  readonly group: Readonly<Record<string, string>>
  readonly severity: Severity
  readonly value: number
}

/** Virtual time: events at their arrival, other traffic at every full second. */
class VirtualRun {
  readonly seen: Seen[] = []
  readonly #stream: EventStream
  /** The last full second that passed. */
  #beatMs = -BEAT_MS

  constructor(stream: EventStream) {
    this.#stream = stream
  }

  arrive(event: PlainEvent): void {
    this.#note(this.#stream.arrive(event, event.receivedMs), event.receivedMs - START_MS)
  }

  /** Every full second before `timeMs`; those at which nothing can happen are passed over. */
  passBefore(timeMs: number): void {
    this.passTo((Math.ceil(timeMs / BEAT_MS) - 1) * BEAT_MS)
  }

  passTo(timeMs: number): void {
    const lastMs = Math.floor(timeMs / BEAT_MS) * BEAT_MS
    while (this.#beatMs < lastMs) {
      const quietMs = this.#stream.quietUntilMs - START_MS
      const eventfulMs = (Math.floor(quietMs / BEAT_MS) + 1) * BEAT_MS
      this.#beatMs = Math.min(lastMs, Math.max(eventfulMs, this.#beatMs + BEAT_MS))
      this.#note(this.#stream.passTo(START_MS + this.#beatMs), this.#beatMs)
    }
  }

  #note(effects: Effects | undefined, atMs: number): void {
    for (const change of effects?.episodes ?? []) {
      const seen = seenOf(change, atMs)
      if (seen !== undefined) this.seen.push(seen)
    }
  }
}

function seenOf({ change, episode }: EpisodeChange, atMs: number): Seen | undefined {
  const name = NAMES[change]
  if (name === undefined) return undefined
  const { group, severity, value } = episode
  return { change: name, atMs, group, severity, value }
}

/** Each complaint is a sentence; none when everything came as expected and nothing else. */
function compare(test: RuleTest, seen: readonly Seen[]): string[] {
  const left = new Set(seen)
  const complaints: string[] = []
  const unmet: TestExpectation[] = []
  for (const expected of test.expect) {
    const found = [...left].find(
      (one) => isSameChange(one, expected) && isAtTime(one.atMs, expected.atMs),
    )
    if (found === undefined) {
      unmet.push(expected)
      continue
    }
    left.delete(found)
    if (!hasSameFigures(found, expected)) {
      complaints.push(`expected ${wish(expected)}; it came with ${figures(found)}`)
    }
  }
  for (const expected of unmet) {
    const other = [...left].find((one) => isSameChange(one, expected))
    if (other !== undefined) left.delete(other)
    const came =
      other === undefined
        ? 'it never came'
        : `it came at ${formatDuration(other.atMs)} with ${figures(other)}`
    complaints.push(`expected ${wish(expected)}; ${came}`)
  }
  for (const one of left) {
    // Settling only closes the book on what was cleared: a test names it when it cares.
    if (one.change === 'settle') continue
    const what = `${one.change}${ofGroup(one.group)} at ${formatDuration(one.atMs)}`
    complaints.push(`${what} (${figures(one)}) was not expected`)
  }
  return complaints
}

function isSameChange(seen: Seen, expected: TestExpectation): boolean {
  return (
    seen.change === expected.change && canonicalJson(seen.group) === canonicalJson(expected.group)
  )
}

/** To the second where the test gives full seconds, else to the millisecond. */
function isAtTime(seenMs: number, expectedMs: number): boolean {
  if (expectedMs % BEAT_MS !== 0) return seenMs === expectedMs
  return Math.floor(seenMs / BEAT_MS) * BEAT_MS === expectedMs
}

function hasSameFigures(seen: Seen, expected: TestExpectation): boolean {
  const { severity = seen.severity, value = seen.value } = expected
  return severity === seen.severity && value === seen.value
}

function wish(expected: TestExpectation): string {
  const { change, group, atMs, severity, value } = expected
  const asked = [
    ...(severity === undefined ? [] : [`severity ${severity}`]),
    ...(value === undefined ? [] : [`value ${value}`]),
  ]
  const suffix = asked.length === 0 ? '' : ` with ${asked.join(' and ')}`
  return `${change}${ofGroup(group)} at ${formatDuration(atMs)}${suffix}`
}

function figures(seen: Seen): string {
  return `severity ${seen.severity} and value ${seen.value}`
}

function ofGroup(group: Readonly<Record<string, string>>): string {
  const entries = Object.entries(group)
  if (entries.length === 0) return ''
  return ` of ${entries.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}`
}
