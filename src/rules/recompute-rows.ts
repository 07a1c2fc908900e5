import type { GroupKey } from '../model/group.ts'
import type { Rule } from './rule.ts'

/** 1,000,000 × 34 bytes = 34 MB, and 4 MB more while they are sorted. */
const ROWS_MAX = 1_000_000
const FIRST_ROWS = 1_024

/** One match of a group that is read back. */
export interface RecomputeRow {
  /** Number of the group in this pass. */
  readonly target: number
  readonly group: GroupKey
  readonly partition: string
  readonly position: number
  /** On the rule's own clock, ms UTC. */
  readonly timeMs: number
  readonly hashHigh: number
  readonly hashLow: number
  /** It was refused, and is what this pass is about. */
  readonly isLate: boolean
}

/** Matches read back from the journal as columns, with a cap over all groups of a pass. */
export class RecomputeRows {
  readonly #rowsMax: number
  readonly #rules: readonly Rule[]
  /** Place of a target's rule among the rules of all targets. */
  readonly #run: Uint32Array
  /** Rows of each target. */
  readonly #counts: Uint32Array
  readonly #groups: (GroupKey | undefined)[]
  readonly #putOff: Uint8Array
  readonly #partitions: string[] = []
  readonly #numbers = new Map<string, number>()
  #length = 0
  #last: number
  #isCut = false
  #target = new Uint32Array(FIRST_ROWS)
  #timeMs = new Float64Array(FIRST_ROWS)
  #hashHigh = new Uint32Array(FIRST_ROWS)
  #hashLow = new Uint32Array(FIRST_ROWS)
  #partition = new Uint16Array(FIRST_ROWS)
  #position = new Float64Array(FIRST_ROWS)
  #isLate = new Uint8Array(FIRST_ROWS)

  /** `rules[t]` is the rule of target t. */
  constructor(rules: readonly Rule[], rowsMax = ROWS_MAX) {
    const targets = rules.length
    const distinct = [...new Set(rules)]
    this.#rowsMax = rowsMax
    this.#rules = rules
    this.#run = Uint32Array.from(rules, (rule) => distinct.indexOf(rule))
    this.#counts = new Uint32Array(targets)
    this.#groups = Array.from({ length: targets })
    this.#putOff = new Uint8Array(targets)
    this.#last = targets - 1
  }

  get isCut(): boolean {
    return this.#isCut
  }

  isPutOff(target: number): boolean {
    return this.#putOff[target] === 1
  }

  add(row: RecomputeRow): void {
    const { target } = row
    while (this.#length >= this.#rowsMax && !this.isPutOff(target) && this.#last > 0) this.#shed()
    if (this.isPutOff(target)) return
    if (this.#length >= this.#rowsMax) {
      this.#isCut = true
      return
    }
    if (this.#length === this.#target.length) this.#grow()
    const i = this.#length++
    this.#counts[target]!++
    this.#groups[target] = row.group
    this.#target[i] = target
    this.#timeMs[i] = row.timeMs
    this.#hashHigh[i] = row.hashHigh
    this.#hashLow[i] = row.hashLow
    this.#partition[i] = this.#numberOf(row.partition)
    this.#position[i] = row.position
    this.#isLate[i] = row.isLate ? 1 : 0
  }

  /** The rows of each rule's groups in its order: time, hash, position (design §4.2). */
  *sorted(): Generator<readonly [Rule, Iterable<RecomputeRow>]> {
    const order = new Uint32Array(this.#length)
    for (let i = 0; i < order.length; i++) order[i] = i
    order.sort((a, b) => this.#compare(a, b))
    for (let from = 0; from < order.length;) {
      const target = this.#target[order[from]!]!
      const run = this.#run[target]!
      let to = from + 1
      while (to < order.length && this.#run[this.#target[order[to]!]!] === run) to++
      yield [this.#rules[target]!, this.#rowsOf(order.subarray(from, to))]
      from = to
    }
  }

  *#rowsOf(order: Uint32Array): Generator<RecomputeRow> {
    for (const i of order) {
      const target = this.#target[i]!
      yield {
        target,
        group: this.#groups[target]!,
        partition: this.#partitions[this.#partition[i]!]!,
        position: this.#position[i]!,
        timeMs: this.#timeMs[i]!,
        hashHigh: this.#hashHigh[i]!,
        hashLow: this.#hashLow[i]!,
        isLate: this.#isLate[i] === 1,
      }
    }
  }

  #compare(a: number, b: number): number {
    return (
      this.#run[this.#target[a]!]! - this.#run[this.#target[b]!]! ||
      this.#timeMs[a]! - this.#timeMs[b]! ||
      this.#hashHigh[a]! - this.#hashHigh[b]! ||
      this.#hashLow[a]! - this.#hashLow[b]! ||
      this.#position[a]! - this.#position[b]! ||
      byText(this.#partitions[this.#partition[a]!]!, this.#partitions[this.#partition[b]!]!)
    )
  }

  /** Puts the last groups off until a quarter is free: a later pass reads them again. */
  #shed(): void {
    for (let freed = 0; freed * 4 < this.#rowsMax && this.#last > 0; this.#last--) {
      this.#putOff[this.#last] = 1
      freed += this.#counts[this.#last]!
    }
    let to = 0
    for (let i = 0; i < this.#length; i++) {
      if (this.isPutOff(this.#target[i]!)) continue
      for (const column of this.#columns()) column[to] = column[i]!
      to++
    }
    this.#length = to
  }

  #grow(): void {
    const size = Math.min(this.#rowsMax, this.#length * 2)
    const grown = <T extends { set(from: T): void }>(from: T, into: T): T => {
      into.set(from)
      return into
    }
    this.#target = grown(this.#target, new Uint32Array(size))
    this.#timeMs = grown(this.#timeMs, new Float64Array(size))
    this.#hashHigh = grown(this.#hashHigh, new Uint32Array(size))
    this.#hashLow = grown(this.#hashLow, new Uint32Array(size))
    this.#partition = grown(this.#partition, new Uint16Array(size))
    this.#position = grown(this.#position, new Float64Array(size))
    this.#isLate = grown(this.#isLate, new Uint8Array(size))
  }

  #columns() {
    return [
      this.#target,
      this.#timeMs,
      this.#hashHigh,
      this.#hashLow,
      this.#partition,
      this.#position,
      this.#isLate,
    ]
  }

  #numberOf(partition: string): number {
    let number = this.#numbers.get(partition)
    if (number === undefined) {
      number = this.#partitions.push(partition) - 1
      this.#numbers.set(partition, number)
    }
    return number
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
