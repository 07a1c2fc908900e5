import { hash64 } from '../../src/lib/hash64.ts'
import { groupKey } from '../../src/model/group.ts'
import { MatchBuilder } from '../../src/model/match-builder.ts'
import type { Matches } from '../../src/model/matches.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'

/** A record as tests send it: `host` undefined matches no rule and only moves time. */
export interface Sent {
  readonly timeMs: number
  readonly host?: string | undefined
  /** Bytes of the record; its hash breaks ties. Default: its position. */
  readonly text?: string
  /** Rule number; default every rule. */
  readonly rule?: number
}

/** Makes slabs of one partition from `from` on, as the matcher would. */
export class MatchRowsOf {
  readonly #ruleset: CompiledRuleset
  readonly #partition: string
  readonly #from: number

  constructor(ruleset: CompiledRuleset, partition: string, from: number) {
    this.#ruleset = ruleset
    this.#partition = partition
    this.#from = from
  }

  slab(records: readonly Sent[], receivedMs: number): Matches {
    const builder = new MatchBuilder()
    let maxTimeMs = -Infinity
    for (const [ordinal, record] of records.entries()) {
      maxTimeMs = Math.max(maxTimeMs, record.timeMs)
      if (record.host === undefined) continue
      const text = record.text ?? `${this.#partition} ${this.#from + ordinal}`
      const hash = hash64(new TextEncoder().encode(text))
      const { timeMs } = record
      const group = groupKey([record.host])
      for (const rule of this.#ruleset.rules.keys()) {
        if (record.rule !== undefined && record.rule !== rule) continue
        builder.add({ rule, ordinal, timeMs, maxTimeMs, hash, group })
      }
    }
    return {
      partition: this.#partition,
      thread: 0,
      seq: 0,
      ruleset: this.#ruleset.hash,
      count: records.length,
      receivedMs,
      maxTimeMs,
      ...builder.finish(),
    }
  }
}
