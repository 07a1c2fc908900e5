import type { Severity } from '../model/severity.ts'
import type { Condition } from './language/condition.ts'

/** A rule as the engine runs it: everything parsed, checked and filled with defaults. */
export interface Rule {
  readonly id: string
  readonly title: string
  readonly severity: Severity
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Input names of `from`; empty means every input. */
  readonly inputs: readonly string[]
  readonly condition: Condition
  /** `where` as it was typed when it is a Graylog query, for links; `null` for native forms. */
  readonly query: string | null
  readonly groupBy: readonly string[]
  readonly detector: Detector
  /** Steps by value, lowest first; the episode takes the highest reached. */
  readonly escalate: readonly { readonly atLeast: number; readonly severity: Severity }[]
  /** How long an event may come after the watermark and still count. Default 2 min (early rules). */
  readonly lateByMs: number
  /** Gap that ends an episode. Default max(window, late_by + reorder). */
  readonly quietMs: number
  readonly clock: 'event' | 'received'
  readonly limits: RuleLimits
  readonly mode: 'active' | 'shadow'
  /** SHA-256 of the rule's canonical document: a column on its episodes. */
  readonly revision: string
  /** Hash of the stateful part (design §4.4): windows survive a reload while it is equal. */
  readonly stateHash: string
  readonly tests: readonly RuleTest[]
  readonly file: string
  readonly line: number
}

/** Bounds of what a rule keeps (I2). They count per bucket, so that each decides alone. */
export interface RuleLimits {
  /** Groups with state at one time; default 100,000. */
  readonly groups: number
  /** Whether the oldest groups make room for a new one, or it is refused. */
  readonly overflow: 'evict_oldest' | 'refuse_new'
}

/** The rule type: what about the matches is compared with what. */
export type Detector =
  /** Every match is a firing. */
  | { readonly kind: 'match' }
  /** At least `atLeast` matches of the group in (t − within, t]. `above: 4` is at least 5. */
  | { readonly kind: 'threshold'; readonly atLeast: number; readonly withinMs: number }

/** One test of a rule's `tests:` (design §8): events in, episodes out, closed world. */
export interface RuleTest {
  readonly name: string
  readonly events: readonly TestEvents[]
  readonly expect: readonly TestExpectation[]
  /** Virtual time at which the test ends. */
  readonly watchUntilMs: number
  readonly file: string
  readonly line: number
}

export interface TestEvents {
  readonly atMs: number
  readonly everyMs: number
  readonly times: number
  /** When they arrive, after `atMs`; default 0. */
  readonly delayMs: number
  readonly fields: Readonly<Record<string, string | number>>
}

export interface TestExpectation {
  /** Virtual time of arrival at which the change must be emitted. */
  readonly atMs: number
  readonly change: 'open' | 'refire' | 'escalate' | 'clear' | 'settle'
  readonly group: Readonly<Record<string, string>>
  readonly severity?: Severity
  readonly value?: number
  readonly line: number
}

/** An objective as the matcher counts it; the arithmetic belongs to `slo/`. */
export interface Counter {
  readonly id: string
  readonly inputs: readonly string[]
  readonly total: Condition
  readonly bad: Condition
  readonly groupBy: readonly string[]
}

/** A whole rule set, compiled. Rule and counter numbers in `Matches` are indexes into it. */
export interface CompiledRuleset {
  readonly hash: string
  readonly rules: readonly Rule[]
  readonly counters: readonly Counter[]
}
