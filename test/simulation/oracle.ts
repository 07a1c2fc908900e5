/**
 * What a run must have come to, found the slow way from what is durable: the order in which the
 * log says records were evaluated, the records themselves, and what each rule means. Written from
 * the meaning of time and rules (docs/reference, design §4.2 and §4.3): no windows, no caches,
 * nothing of src/rules.
 */
import type { JournalBatch } from '../../src/ingest/journal/journal.ts'
import type { LogBody } from '../../src/model/commit.ts'
import { episodesOf } from './oracle-episodes.ts'
import type { OracleEpisode, OracleEvent } from './oracle-episodes.ts'
import { oldNewsOf } from './oracle-old-news.ts'
import type { OracleOldNews } from './oracle-old-news.ts'
import { satisfies } from './rule-spec.ts'
import type { Fields, InputSpec, RuleSpec, RulesSpec } from './rule-spec.ts'

export interface OracleAnswer {
  /** By rule id. */
  readonly rules: ReadonlyMap<string, OracleRule>
  readonly slo: { total: number; bad: number }
}

export interface OracleRule {
  /** Settled episodes in the end; `undefined` when the rule's meaning changed under way. */
  readonly episodes: readonly OracleEpisode[] | undefined
  /** `class reason hour` → count; of an edited rule only how many matches there were. */
  readonly ledger: ReadonlyMap<string, number>
  readonly matches: number
  /** `undefined` when the rule was changed or taken away under way. */
  readonly oldNews: OracleOldNews | undefined
}

/** Where one partition stands, as its log so far says. */
interface Partition {
  readonly input: InputSpec
  readonly epoch: number
  maxTimeMs: number
  maxReceivedMs: number
  progress: string
}

/** A rule from the entry that brought it to the one that took it away. */
interface Life {
  spec: RuleSpec
  readonly events: OracleEvent[]
  /** Those that came too late. */
  readonly refused: OracleEvent[]
  /** Those that were evaluated before the rule was there. */
  readonly earlier: OracleEvent[]
  readonly skipped: Map<string, number>
  watermarkMs: number
  matches: number
}

/** How far ahead of its receipt an event's own time is believed. */
const FUTURE_MS = 300_000
const HOUR_MS = 3_600_000

export function oracle(options: {
  readonly log: readonly LogBody[]
  readonly batches: (partition: string) => readonly JournalBatch[]
  readonly specs: ReadonlyMap<string, RulesSpec>
  readonly edited: ReadonlySet<string>
}): OracleAnswer {
  const walk = new Walk(options)
  for (const body of options.log) walk.enter(body)
  return walk.answer(options.edited)
}

class Walk {
  readonly #options
  readonly #partitions = new Map<string, Partition>()
  readonly #ended: Life[] = []
  #alive: Life[] = []
  #spec: RulesSpec | undefined
  readonly #slo = { total: 0, bad: 0 }
  /** Every record so far. */
  readonly #seen: Seen[] = []

  constructor(options: {
    readonly batches: (partition: string) => readonly JournalBatch[]
    readonly specs: ReadonlyMap<string, RulesSpec>
  }) {
    this.#options = options
  }

  enter(body: LogBody): void {
    if (body.kind === 'rules') this.#activate(this.#options.specs.get(body.ruleset)!)
    else if (body.kind === 'records') this.#records(body)
    else if (body.kind === 'clock') {
      for (const { id, progress } of body.partitions) this.#partition(id).progress = progress
    }
    for (const life of this.#alive) this.#passTime(life, body.nowMs)
  }

  answer(edited: ReadonlySet<string>): OracleAnswer {
    const rules = new Map<string, OracleRule>()
    for (const life of [...this.#ended, ...this.#alive]) {
      const before = rules.get(life.spec.id)
      const { episodes, counts } = episodesOf(life.events, life.spec)
      const ledger = new Map(before?.ledger)
      for (const [name, n] of [...life.skipped, ...counts]) {
        ledger.set(name, (ledger.get(name) ?? 0) + n)
      }
      // A second life may go on with an episode of the first.
      const isClear = before === undefined && !edited.has(life.spec.id)
      const isWhole = isClear && this.#alive.includes(life)
      const { events: admitted, refused, earlier } = life
      rules.set(life.spec.id, {
        episodes: isClear ? episodes : undefined,
        ledger,
        matches: (before?.matches ?? 0) + life.matches,
        oldNews: isWhole ? oldNewsOf(life.spec, { admitted, refused, earlier }) : undefined,
      })
    }
    return { rules, slo: this.#slo }
  }

  /** A rule goes on while what its state depends on is the same. */
  #activate(spec: RulesSpec): void {
    this.#spec = spec
    const before = this.#alive
    this.#alive = spec.rules.map((rule) => {
      const kept = before.find((life) => stateOf(life.spec) === stateOf(rule))
      if (kept !== undefined) kept.spec = rule
      return kept ?? newLife(rule, this.#seen)
    })
    this.#ended.push(...before.filter((life) => !this.#alive.includes(life)))
  }

  #records(body: LogBody & { readonly kind: 'records' }): void {
    const partition = this.#partition(body.partition)
    const { name, reorderMs } = partition.input
    let { maxTimeMs, maxReceivedMs } = partition
    for (const { first, count, receivedMs, bytes, offsets } of this.#options.batches(
      body.partition,
    )) {
      if (first + count <= body.from || first >= body.to) continue
      maxReceivedMs = Math.max(maxReceivedMs, receivedMs)
      for (let i = 0; i < count; i++) {
        const text = Buffer.from(bytes.subarray(offsets[i], offsets[i + 1])).toString()
        const { fields, timeMs } = readRecord(text, receivedMs)
        maxTimeMs = Math.max(maxTimeMs, Math.min(timeMs, receivedMs))
        this.#seen.push({ input: name, timeMs, receivedMs, fields })
        if (fields['code'] !== undefined) {
          this.#slo.total++
          if (Number(fields['code']) >= 500) this.#slo.bad++
        }
        for (const life of this.#alive) {
          if (!satisfies(life.spec, name, fields)) continue
          const isEvent = life.spec.clock === 'event'
          judge(life, {
            timeMs: isEvent ? timeMs : receivedMs,
            witnessedMs: (isEvent ? maxTimeMs : maxReceivedMs) - reorderMs,
            fields,
          })
        }
      }
    }
    Object.assign(partition, { maxTimeMs, maxReceivedMs })
    if (partition.progress === 'idle') partition.progress = 'caught_up'
  }

  /** The rule's watermark: the least that is known of its inputs; it never falls. */
  #passTime(life: Life, nowMs: number): void {
    const { inputs, clock } = life.spec
    const known = [...this.#partitions.values()]
      .filter(({ progress }) => progress !== 'retired')
      .filter(({ input }) => inputs.length === 0 || inputs.includes(input.name))
      .map(({ input, maxTimeMs, maxReceivedMs, progress }) => {
        const witnessedMs = (clock === 'event' ? maxTimeMs : maxReceivedMs) - input.reorderMs
        if (progress !== 'idle') return witnessedMs
        return Math.max(witnessedMs, nowMs - input.idleAfterMs - input.reorderMs)
      })
    if (known.length > 0) life.watermarkMs = Math.max(life.watermarkMs, Math.min(...known))
  }

  /** A partition begins with what its input's earlier ones have shown. */
  #partition(id: string): Partition {
    const known = this.#partitions.get(id)
    if (known !== undefined) return known
    const [name, epoch] = id.split('@') as [string, string]
    // One that is opened before any rule is in force has the timing that all rule sets give it.
    const spec = this.#spec ?? [...this.#options.specs.values()][0]!
    const input = spec.inputs.find((one) => one.name === name)!
    const earlier = [...this.#partitions.values()].filter(
      (other) => other.input.name === name && other.epoch < Number(epoch),
    )
    const partition: Partition = {
      input,
      epoch: Number(epoch),
      maxTimeMs: Math.max(-Infinity, ...earlier.map(({ maxTimeMs }) => maxTimeMs)),
      maxReceivedMs: Math.max(-Infinity, ...earlier.map(({ maxReceivedMs }) => maxReceivedMs)),
      progress: 'caught_up',
    }
    this.#partitions.set(id, partition)
    return partition
  }
}

interface Seen {
  readonly input: string
  readonly timeMs: number
  readonly receivedMs: number
  readonly fields: Fields
}

function newLife(spec: RuleSpec, seen: readonly Seen[]): Life {
  const earlier = seen
    .filter(({ input, fields }) => satisfies(spec, input, fields))
    .filter(({ fields }) => spec.groupBy.every((field) => fields[field] !== undefined))
    .map(({ timeMs, receivedMs, fields }) => ({
      timeMs: spec.clock === 'event' ? timeMs : receivedMs,
      group: groupOf(spec, fields),
    }))
  const nothing = { events: [], refused: [], skipped: new Map(), matches: 0 }
  return { spec, earlier, ...nothing, watermarkMs: -Infinity }
}

function groupOf({ groupBy }: RuleSpec, fields: Fields): string {
  return JSON.stringify(groupBy.map((field) => String(fields[field])))
}

/** Late by its own partition's log, or by an assumption, or without a group: counted, no more. */
function judge(
  life: Life,
  match: {
    readonly timeMs: number
    readonly witnessedMs: number
    readonly fields: Fields
  },
): void {
  const { timeMs, witnessedMs, fields } = match
  const { groupBy, lateByMs } = life.spec
  life.matches++
  const skip = (reason: string, atMs: number): void => {
    const name = `skipped ${reason} ${Math.floor(atMs / HOUR_MS) * HOUR_MS}`
    life.skipped.set(name, (life.skipped.get(name) ?? 0) + 1)
  }
  if (groupBy.some((field) => fields[field] === undefined)) return skip('missing_group', timeMs)
  const event = { timeMs, group: groupOf(life.spec, fields) }
  const isLate = timeMs < witnessedMs - lateByMs
  const isIdle = timeMs < life.watermarkMs - lateByMs
  if (isLate || isIdle) skip(isLate ? 'late' : 'idle', timeMs)
  if (isLate || isIdle) life.refused.push(event)
  else life.events.push(event)
}

function readRecord(text: string, receivedMs: number): { fields: Fields; timeMs: number } {
  const json = JSON.parse(text) as Record<string, string | number>
  const fields = Object.fromEntries(
    Object.entries(json).flatMap(([name, value]) =>
      name.startsWith('_') ? [[name.slice(1), value] as const] : [],
    ),
  )
  const own = json['timestamp']
  const timeMs = own === undefined ? receivedMs : Math.round(Number(own) * 1_000)
  return { fields, timeMs: timeMs > receivedMs + FUTURE_MS ? receivedMs : timeMs }
}

/** What a rule's windows depend on; equal text keeps them over a reload. */
function stateOf(spec: RuleSpec): string {
  const { id, kind, codeAtLeast, threshold, groupBy, clock } = spec
  return JSON.stringify([id, kind, codeAtLeast, threshold?.withinMs ?? null, groupBy, clock])
}
