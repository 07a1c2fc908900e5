/**
 * What another text of the rules tells otherwise about the same events: settled episodes of an old
 * and a new rule set, compared by (rule, group, interval), never by ids (I7).
 *
 *   1. Equal episodes of both cancel each other as soon as both are settled, so that memory holds
 *      differences only.
 *   2. What is left is paired in order of time: two that overlap when widened by the quiet period
 *      are one episode that moved. Each is in at most one pair, and as many pairs are made as can
 *      be.
 */
import { canonicalJson } from '../lib/canonical.ts'
import type { Group } from '../model/group.ts'
import { ProblemError } from '../model/problem.ts'
import type { Severity } from '../model/severity.ts'
import type { BacktestLine, EpisodeLine } from './backtest-lines.ts'
import type { CompiledRuleset } from './rule.ts'

/** What `tocsin backtest --against … --json` prints for each difference. Times in ms UTC. */
export interface DifferenceLine {
  readonly type: 'difference'
  /** Only the new rules have it, only the old ones, or both but not alike. */
  readonly kind: 'gained' | 'lost' | 'moved'
  readonly rule: string
  readonly group: Group
  /** Of both together. */
  readonly start: number
  readonly end: number
  readonly old: EpisodeFigures | null
  readonly new: EpisodeFigures | null
}

/** What is compared of two episodes. */
export interface EpisodeFigures {
  readonly start: number
  readonly end: number
  readonly matches: number
  readonly firings: number
  readonly peak: number
  readonly severity: Severity
}

/** Differences kept at a time: about 500 bytes each (I2). */
const DIFFERENCES_MAX = 250_000

/** Episodes of one rule and group that the other side does not have alike. */
interface Unlike {
  readonly rule: string
  readonly group: Group
  readonly old: Map<string, Alike>
  readonly new: Map<string, Alike>
}

/** A group that lost its state to a cap can tell the same episode twice. */
interface Alike {
  readonly figures: EpisodeFigures
  count: number
}

export class BacktestDiff {
  readonly #quietMs = new Map<string, number>()
  readonly #unlike = new Map<string, Unlike>()
  readonly #differencesMax: number
  #kept = 0

  constructor(
    rulesets: { readonly old: CompiledRuleset; readonly new: CompiledRuleset },
    options: { readonly differencesMax?: number } = {},
  ) {
    this.#differencesMax = options.differencesMax ?? DIFFERENCES_MAX
    for (const { id, quietMs } of [...rulesets.old.rules, ...rulesets.new.rules]) {
      this.#quietMs.set(id, Math.max(quietMs, this.#quietMs.get(id) ?? 0))
    }
  }

  /**
   * Takes what the backtest of one side tells; only settled episodes count. Throws a
   * `ProblemError` when there are more differences than are kept.
   */
  take(side: 'old' | 'new', line: BacktestLine): void {
    if (line.type !== 'episode' || line.change !== 'settled') return
    const { rule, group } = line
    const key = canonicalJson([rule, group])
    let unlike = this.#unlike.get(key)
    if (unlike === undefined) {
      unlike = { rule, group, old: new Map(), new: new Map() }
      this.#unlike.set(key, unlike)
    }
    const figures = figuresOf(line)
    const name = canonicalJson(figures)
    const other = side === 'old' ? unlike.new : unlike.old
    const match = other.get(name)
    if (match !== undefined) {
      this.#kept--
      if (--match.count === 0) other.delete(name)
      if (unlike.old.size + unlike.new.size === 0) this.#unlike.delete(key)
      return
    }
    if (this.#kept >= this.#differencesMax) throw tooMany(this.#differencesMax)
    this.#kept++
    const alike = unlike[side].get(name)
    if (alike === undefined) unlike[side].set(name, { figures, count: 1 })
    else alike.count++
  }

  /** The differences in order of their start, rule and group. Call when both sides are told. */
  finish(): DifferenceLine[] {
    const lines = [...this.#unlike.values()].flatMap((unlike) => {
      const quietMs = this.#quietMs.get(unlike.rule) ?? 0
      return paired(byStart(unlike.old), byStart(unlike.new), quietMs).map(([before, after]) =>
        lineOf(unlike, before, after),
      )
    })
    const keyed = lines.map((line) => ({ line, key: canonicalJson([line.rule, line.group]) }))
    keyed.sort(
      (a, b) => a.line.start - b.line.start || byText(a.key, b.key) || a.line.end - b.line.end,
    )
    return keyed.map(({ line }) => line)
  }
}

function figuresOf({ start, end, matches, firings, peak, severity }: EpisodeLine): EpisodeFigures {
  return { start, end, matches, firings, peak, severity }
}

function byStart(episodes: ReadonlyMap<string, Alike>): EpisodeFigures[] {
  return [...episodes.values()]
    .flatMap(({ figures, count }) => Array.from({ length: count }, () => figures))
    .sort((a, b) => a.start - b.start || a.end - b.end)
}

type Pair = readonly [old: EpisodeFigures | null, new: EpisodeFigures | null]

/** Both in order of time; the episodes of one side never overlap each other. */
function paired(
  old: readonly EpisodeFigures[],
  fresh: readonly EpisodeFigures[],
  quietMs: number,
): Pair[] {
  const meets = (a: EpisodeFigures | undefined, b: EpisodeFigures | undefined): boolean =>
    a !== undefined && b !== undefined && overlap(a, b) >= -quietMs
  const pairs: Pair[] = []
  let i = 0
  let j = 0
  while (i < old.length && j < fresh.length) {
    const a = old[i]!
    const b = fresh[j]!
    const [nextA, nextB] = [old[i + 1], fresh[j + 1]]
    if (!meets(a, b)) {
      if (a.end < b.start) pairs.push([old[i++]!, null])
      else pairs.push([null, fresh[j++]!])
    } else if (isBetter(nextA, a, b) && meets(nextA, b) && !meets(nextA, nextB)) {
      // The next one has no other partner, so it takes this one, which it overlaps more.
      pairs.push([old[i++]!, null])
    } else if (isBetter(nextB, b, a) && meets(a, nextB) && !meets(nextA, nextB)) {
      pairs.push([null, fresh[j++]!])
    } else {
      pairs.push([old[i++]!, fresh[j++]!])
    }
  }
  while (i < old.length) pairs.push([old[i++]!, null])
  while (j < fresh.length) pairs.push([null, fresh[j++]!])
  return pairs
}

/** What two intervals have in common, ms; negative: how far they are apart. */
function overlap(a: EpisodeFigures, b: EpisodeFigures): number {
  return Math.min(a.end, b.end) - Math.max(a.start, b.start)
}

function isBetter(
  candidate: EpisodeFigures | undefined,
  than: EpisodeFigures,
  partner: EpisodeFigures,
): boolean {
  return candidate !== undefined && overlap(candidate, partner) > overlap(than, partner)
}

function lineOf(
  { rule, group }: Unlike,
  old: EpisodeFigures | null,
  fresh: EpisodeFigures | null,
): DifferenceLine {
  const kind = old === null ? 'gained' : fresh === null ? 'lost' : 'moved'
  const start = Math.min(old?.start ?? Infinity, fresh?.start ?? Infinity)
  const end = Math.max(old?.end ?? -Infinity, fresh?.end ?? -Infinity)
  return { type: 'difference', kind, rule, group, start, end, old, new: fresh }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function tooMany(max: number): ProblemError {
  const message =
    `the rule sets differ in more than ${max} episodes; ` +
    'compare fewer rules or a shorter range at a time'
  return new ProblemError([{ code: 'too-many', severity: 'error', message }])
}
