import type { GroupKey } from './group.ts'
import type { Matches, MatchRows, SloSum } from './matches.ts'

/** The ledger counts by hours of event time. */
const HOUR_MS = 3_600_000

/** So few that six columns are made in no time: most slabs have no row at all. */
const FIRST_ROWS = 8

/** Collects the rows of one slab in growing columns; {@link finish} hands them over and empties it. */
export class MatchBuilder {
  #length = 0
  #rule = new Uint32Array(FIRST_ROWS)
  #ordinal = new Uint32Array(FIRST_ROWS)
  #timeMs = new Float64Array(FIRST_ROWS)
  #maxTimeMs = new Float64Array(FIRST_ROWS)
  #hashHigh = new Uint32Array(FIRST_ROWS)
  #hashLow = new Uint32Array(FIRST_ROWS)
  #group: GroupKey[] = []
  readonly #sums = new Map<string, { -readonly [K in keyof SloSum]: SloSum[K] }>()
  readonly #missing = new Map<string, { rule: number; hourMs: number; count: number }>()

  get length(): number {
    return this.#length
  }

  add(row: {
    rule: number
    ordinal: number
    timeMs: number
    maxTimeMs: number
    hash: readonly [number, number]
    group: GroupKey
  }): void {
    const i = this.#length
    if (i === this.#rule.length) this.#grow()
    this.#rule[i] = row.rule
    this.#ordinal[i] = row.ordinal
    this.#timeMs[i] = row.timeMs
    this.#maxTimeMs[i] = row.maxTimeMs
    this.#hashHigh[i] = row.hash[0]
    this.#hashLow[i] = row.hash[1]
    this.#group.push(row.group)
    this.#length = i + 1
  }

  /** Counts one event for an objective in its minute of event time. */
  count(slo: number, group: GroupKey, minuteMs: number, isBad: boolean): void {
    const key = `${slo} ${minuteMs} ${group}`
    let sum = this.#sums.get(key)
    if (sum === undefined) {
      sum = { slo, group, minuteMs, total: 0, bad: 0 }
      this.#sums.set(key, sum)
    }
    sum.total++
    if (isBad) sum.bad++
  }

  /** Counts a match without a group; `timeMs` on the rule's own clock (I9). */
  missingGroup(rule: number, timeMs: number): void {
    const hourMs = Math.floor(timeMs / HOUR_MS) * HOUR_MS
    const key = `${rule} ${hourMs}`
    const missing = this.#missing.get(key)
    if (missing === undefined) this.#missing.set(key, { rule, hourMs, count: 1 })
    else missing.count++
  }

  finish(): {
    rows: MatchRows
    sums: SloSum[]
    missingGroup: Matches['missingGroup'][number][]
  } {
    const n = this.#length
    const result = {
      rows: {
        length: n,
        rule: this.#rule.slice(0, n),
        ordinal: this.#ordinal.slice(0, n),
        timeMs: this.#timeMs.slice(0, n),
        maxTimeMs: this.#maxTimeMs.slice(0, n),
        hashHigh: this.#hashHigh.slice(0, n),
        hashLow: this.#hashLow.slice(0, n),
        group: this.#group,
      },
      sums: [...this.#sums.values()],
      missingGroup: [...this.#missing.values()],
    }
    this.clear()
    return result
  }

  /** Forgets what was collected: a request whose later record is refused leaves nothing. */
  clear(): void {
    this.#length = 0
    this.#group = []
    this.#sums.clear()
    this.#missing.clear()
  }

  #grow(): void {
    const size = this.#rule.length * 2
    this.#rule = grown(this.#rule, new Uint32Array(size))
    this.#ordinal = grown(this.#ordinal, new Uint32Array(size))
    this.#timeMs = grown(this.#timeMs, new Float64Array(size))
    this.#maxTimeMs = grown(this.#maxTimeMs, new Float64Array(size))
    this.#hashHigh = grown(this.#hashHigh, new Uint32Array(size))
    this.#hashLow = grown(this.#hashLow, new Uint32Array(size))
  }
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
