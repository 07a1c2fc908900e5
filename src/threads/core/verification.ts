import type { CommitEntry, LogEntry } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'

/** Names of rules that a sentence lists; a system incident has the others in its log. */
const NAMED_MAX = 20

/** Entries of one engine version that answered otherwise than they did. */
export interface Differences {
  /** The first of them. */
  readonly no: number
  readonly count: number
  /** Rules and, as `slo:id`, objectives that they are about, in order; `null` where that is not known. */
  readonly rules: readonly string[] | null
}

/**
 * Compares what a replay answers with what was answered then (I13). The same engine must answer
 * alike; another version may differ, which is counted and said (design §4.1).
 */
export class Verification {
  readonly #engineVersion: string
  readonly #own = new Found()
  readonly #others = new Found()

  /** `engineVersion`: of this process. */
  constructor(engineVersion: string) {
    this.#engineVersion = engineVersion
  }

  compare(entry: LogEntry, answer: CommitEntry): void {
    if (answer.effectsHash === entry.effectsHash) return
    const found = entry.engineVersion === this.#engineVersion ? this.#own : this.#others
    found.add(entry.no, differing(entry.ruleHashes, answer.ruleHashes))
  }

  /** A process went live all the same: answers up to here are taken as they now are. */
  accepted(): void {
    this.#own.clear()
  }

  /** Under the same engine: a broken promise. */
  get broken(): Differences | undefined {
    return this.#own.differences
  }

  /** How many entries differ, under this engine and under others. */
  get count(): number {
    return this.#own.count + this.#others.count
  }

  /** Says what a former version answered otherwise: once, however much it is. */
  report(report: Report): void {
    const differences = this.#others.differences
    if (differences === undefined) return
    const { no, count, rules } = differences
    report({ name: 'core.replay_differs', count, detail: { no, rules: namesOf(rules) } })
  }
}

/** Up to {@link NAMED_MAX} names for a sentence. */
export function namesOf(rules: readonly string[] | null): string {
  if (rules === null) return 'unknown'
  const rest = rules.length - NAMED_MAX
  const named = rules.slice(0, NAMED_MAX).join(', ')
  return rest > 0 ? `${named} and ${rest} more` : named
}

class Found {
  count = 0
  #no = 0
  readonly #rules = new Set<string>()
  #isUnknown = false

  add(no: number, rules: readonly string[] | null): void {
    if (this.count === 0) this.#no = no
    this.count++
    if (rules === null) this.#isUnknown = true
    else for (const rule of rules) this.#rules.add(rule)
  }

  clear(): void {
    this.count = 0
    this.#rules.clear()
    this.#isUnknown = false
  }

  get differences(): Differences | undefined {
    if (this.count === 0) return undefined
    const rules = this.#isUnknown ? null : [...this.#rules].sort()
    return { no: this.#no, count: this.count, rules }
  }
}

/** `null` when the log does not say who spoke; also when nobody differs though the whole does. */
function differing(
  stored: Readonly<Record<string, string>> | null,
  found: Readonly<Record<string, string>> = {},
): readonly string[] | null {
  if (stored === null) return null
  const names = new Set([...Object.keys(stored), ...Object.keys(found)])
  const rules = [...names].filter((name) => stored[name] !== found[name])
  return rules.length === 0 ? null : rules
}
