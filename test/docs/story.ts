/**
 * A story of `docs/reference/time.md`, played through the flow that runs live: GELF bytes, scan,
 * match, correlate, `clock` entries once a second. Everything that happened is kept as entries, so
 * that a restart in a story, and the replay of a whole one, run them again and compare.
 */
import { compileRuleset } from '../../src/config/ruleset.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CommitEntry, LedgerDelta, Recompute } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { EventFlag, EventView } from '../../src/model/event.ts'
import type { Matches } from '../../src/model/matches.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { PartitionProgress, Watermark } from '../../src/model/partition.ts'
import { formatProblem } from '../../src/model/problem.ts'
import { inputOfPartition, partitionId, slabCount } from '../../src/model/slab.ts'
import type { Slab } from '../../src/model/slab.ts'
import { correlate, MatchStep, passTime } from '../../src/pipeline.ts'
import { createEngine } from '../../src/rules/engine.ts'
import type { Engine } from '../../src/rules/engine.ts'
import { createIndexedMatcher } from '../../src/rules/matching/indexed-matcher.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import type { CompiledRuleset } from '../../src/rules/rule.ts'
import { scanBatch } from '../../src/threads/core/rematch.ts'
import { SlabReceiver } from '../support/slab-receiver.ts'

const SECOND_MS = 1_000
const CLOCK_ENTRY_MS = 60_000

/** What one row of a story brought about. */
export interface Outcome {
  readonly told: readonly EpisodeChange[]
  /** Of each record: the time it counts with, and what was odd about it. */
  readonly times: readonly RecordTime[]
}

interface RecordTime {
  readonly timeMs: number
  readonly flags: readonly EventFlag[]
}

interface Kept {
  readonly entry: CommitEntry
  /** Of a `records` entry. */
  readonly slab?: Slab
}

/** The state of a core: all of it is a function of the entries. */
interface Run {
  readonly engine: Engine
  readonly partitions: PartitionTracker
}

export class Story {
  readonly inputs: readonly string[]
  readonly #ruleset: CompiledRuleset
  readonly #log: Kept[] = []
  readonly #backlogs = new Set<string>()
  readonly #downs = new Set<string>()
  readonly #receivers = new Map<string, SlabReceiver>()
  /** Of the records received last. */
  readonly #times: RecordTime[] = []
  #run: Run
  #epoch = 1
  #nowMs = -Infinity
  #tickMs = -Infinity
  #clockEntryMs = -Infinity
  #countedTo = 0
  #readBackTo = 0

  constructor(rule: string, inputs: readonly string[]) {
    const timing = { ...DEFAULT_TIMING, labels: {} }
    const { ruleset, problems } = compileRuleset({
      documents: [{ file: 'time.md', text: rule }],
      inputs: Object.fromEntries(inputs.map((input) => [input, timing])),
      fields: {},
    })
    if (problems.length > 0) throw new Error(problems.map(formatProblem).join('; '))
    this.inputs = inputs
    this.#ruleset = ruleset
    this.#run = this.#newRun()
  }

  /** Several messages that arrive together at `nowMs`. */
  arrive(nowMs: number, input: string, messages: readonly string[]): Outcome {
    this.#passBefore(nowMs)
    return this.#take(nowMs, input, messages)
  }

  /** Since the last row, every second up to `nowMs`, a message came that matches nothing. */
  traffic(nowMs: number, inputs: readonly string[]): Outcome {
    let told: readonly EpisodeChange[] = []
    for (let ms = this.#nextSecond(); ms <= nowMs; ms += SECOND_MS) {
      if (told.length > 0) throw unshown(told, ms - SECOND_MS)
      this.#passBefore(ms)
      told = inputs.flatMap((input) => this.#take(ms, input, [trafficAt(ms)]).told)
    }
    return { told, times: [] }
  }

  /** Nothing comes; the clock is looked at. */
  clock(nowMs: number): Outcome {
    this.#passBefore(nowMs)
    this.#nowMs = nowMs
    return this.#outcome(this.#tick(nowMs))
  }

  /** What the outside says of an input; it is noticed when the clock is looked at. */
  becomes(input: string, state: 'behind' | 'caught up' | 'down' | 'up'): void {
    if (state === 'behind') this.#backlogs.add(input)
    if (state === 'caught up') this.#backlogs.delete(input)
    if (state === 'down') this.#downs.add(input)
    if (state === 'up') this.#downs.delete(input)
  }

  /** The process ends and another one runs what is written down again. */
  restart(nowMs: number): Outcome {
    this.#passBefore(nowMs)
    const { run, differences } = this.replay()
    if (differences > 0) throw new Error(`${differences} entries answered otherwise on a replay`)
    this.#run = run
    for (const input of this.inputs) run.partitions.retire(partitionId(input, this.#epoch))
    this.#epoch++
    this.#nowMs = nowMs
    return this.#outcome([this.#open(nowMs), ...this.#tick(nowMs)])
  }

  /** Runs every entry again, with the bytes as they were; tells how many answered otherwise. */
  replay(): { readonly run: Run; readonly differences: number } {
    const run = this.#newRun()
    let differences = 0
    for (const [no, { entry, slab }] of this.#log.entries()) {
      const { body } = entry
      const answer =
        body.kind === 'clock'
          ? passTime(run.engine, run.partitions, body, no + 1)
          : this.#correlate(run, { slab: slab!, matches: this.#rematch(slab!), no: no + 1 })
      if (answer.effectsHash !== entry.effectsHash) differences++
    }
    return { run, differences }
  }

  /** Lets everything settle: every match must then be counted once (I9). */
  settle(): { readonly matches: number; readonly counted: number } {
    this.#backlogs.clear()
    this.#downs.clear()
    this.#tick(this.#nowMs)
    const { engine } = this.#run
    while (engine.nextDueMs() < Infinity) {
      const nowMs = Math.max(engine.nextDueMs() + DEFAULT_TIMING.reorderMs + 1, this.#nowMs)
      for (const input of this.inputs) this.#take(nowMs, input, [trafficAt(nowMs)])
    }
    const counted = ledgerOf(this.#log).reduce((sum, { count }) => sum + count, 0)
    const matches = engine.stats().reduce((sum, rule) => sum + rule.matches, 0)
    return { matches, counted }
  }

  /** Stretches of time whose late matches are to be read back, asked for since this was last asked. */
  readBack(): Recompute[] {
    const asked = this.#log.slice(this.#readBackTo).flatMap(({ entry }) => entry.effects.recomputes)
    this.#readBackTo = this.#log.length
    return asked
  }

  /** What was counted since this was last asked. */
  counted(): LedgerDelta[] {
    const deltas = ledgerOf(this.#log.slice(this.#countedTo))
    this.#countedTo = this.#log.length
    return deltas
  }

  /** The rule's watermark as the engine has it, with what it rests on. */
  get watermark(): Watermark {
    const [rule] = this.#ruleset.rules
    const now = this.#run.partitions.watermark(rule!.inputs, rule!.clock, this.#nowMs)
    const ms = this.#run.engine.finalMs() + rule!.lateByMs
    // It never falls: an assumption stays one although its input has come back.
    return { ms, quality: now.ms < ms ? 'assumed' : now.quality }
  }

  watermarkOf(input: string): Watermark {
    return this.#run.partitions.watermark([input], 'event', this.#nowMs)
  }

  progressOf(input: string): PartitionProgress {
    return this.#run.partitions.state(partitionId(input, this.#epoch))!.progress
  }

  #newRun(): Run {
    const { reorderMs } = DEFAULT_TIMING
    return {
      engine: createEngine({ ruleset: this.#ruleset, reorderOf: () => reorderMs }),
      partitions: new PartitionTracker([], () => DEFAULT_TIMING),
    }
  }

  #nextSecond(): number {
    return (Math.floor(this.#nowMs / SECOND_MS) + 1) * SECOND_MS
  }

  /** The clock is looked at every second; what only then happens must have a row of its own. */
  #passBefore(nowMs: number): void {
    if (nowMs < this.#nowMs) throw new Error('the rows of a story are not in the order of `now`')
    if (this.#log.length === 0) {
      this.#nowMs = nowMs
      this.#tickMs = Math.floor(nowMs / SECOND_MS) * SECOND_MS
      this.#open(nowMs)
    }
    for (let ms = this.#tickMs + SECOND_MS; ms < nowMs; ms += SECOND_MS) {
      this.#nowMs = ms
      const told = this.#outcome(this.#tick(ms)).told
      if (told.length > 0) throw unshown(told, ms)
    }
  }

  /** This epoch's partitions, as the first entry after a start opens them. */
  #open(nowMs: number): CommitEntry {
    const partitions = this.inputs.map((input) => {
      return { id: partitionId(input, this.#epoch), link: 'up', progress: 'caught_up' } as const
    })
    return this.#passTime(nowMs, partitions)
  }

  #tick(nowMs: number): CommitEntry[] {
    this.#tickMs = nowMs
    const { engine, partitions } = this.#run
    const body = partitions.due(
      nowMs,
      (id) => !this.#backlogs.has(inputOfPartition(id)),
      (id) => (this.#downs.has(inputOfPartition(id)) ? 'down' : 'up'),
    )
    const isMinute = nowMs - this.#clockEntryMs >= CLOCK_ENTRY_MS
    const hasIdle = partitions.states().some(({ progress }) => progress === 'idle')
    const isWaiting = !engine.isQuiet() && hasIdle
    if (body === undefined && !isMinute && !isWaiting) return []
    return [this.#passTime(nowMs, body?.partitions ?? [])]
  }

  #passTime(nowMs: number, partitions: Parameters<typeof passTime>[2]['partitions']): CommitEntry {
    this.#clockEntryMs = nowMs
    const body = { kind: 'clock', nowMs, partitions } as const
    const entry = passTime(this.#run.engine, this.#run.partitions, body, this.#log.length + 1)
    this.#log.push({ entry })
    return entry
  }

  #take(nowMs: number, input: string, messages: readonly string[]): Outcome {
    this.#nowMs = nowMs
    const partition = partitionId(input, this.#epoch)
    const { slab, matches } = this.#receiver(partition).receive(nowMs, messages)
    const times = this.#times.splice(0)
    const entry = this.#correlate(this.#run, { slab, matches, no: this.#log.length + 1 })
    this.#log.push({ entry, slab })
    return { ...this.#outcome([entry]), times }
  }

  #correlate(
    run: Run,
    { slab, matches, no }: { readonly slab: Slab; readonly matches: Matches; readonly no: number },
  ): CommitEntry {
    const { partition, receivedMs: nowMs } = slab
    const from = run.partitions.state(partition)!.next
    const at = { nowMs, ruleset: this.#ruleset.hash, no }
    return correlate(run.engine, run.partitions, { partition, from, matches: [matches] }, at)
  }

  #receiver(partition: string): SlabReceiver {
    let receiver = this.#receivers.get(partition)
    if (receiver === undefined) {
      const step = this.#stepOf(partition)
      const onRecord = ({ timeMs, flags }: EventView): void =>
        void this.#times.push({ timeMs, flags })
      receiver = new SlabReceiver({ partition, step, onRecord })
      this.#receivers.set(partition, receiver)
    }
    return receiver
  }

  /** Matches a slab that is read back, as a recovery does. */
  #rematch(slab: Slab): Matches {
    const event = new GelfEvent()
    const step = this.#stepOf(slab.partition)
    const batch = { ...slab, first: 0, count: slabCount(slab) }
    const maxTimeMs = scanBatch(batch, event, (ordinal, maxSoFarMs) =>
      step.record(event, ordinal, maxSoFarMs),
    )
    return step.seal(slab, maxTimeMs)
  }

  #stepOf(partition: string): MatchStep {
    const matcher = createIndexedMatcher(this.#ruleset, inputOfPartition(partition), {})
    return new MatchStep(matcher, this.#ruleset.hash)
  }

  #outcome(entries: readonly CommitEntry[]): Outcome {
    return { told: entries.flatMap(({ effects }) => effects.episodes), times: [] }
  }
}

function ledgerOf(log: readonly Kept[]): LedgerDelta[] {
  return log.flatMap(({ entry }) => entry.effects.ledger)
}

function trafficAt(ms: number): string {
  return JSON.stringify({ host: 'other', short_message: 'ok', timestamp: ms / 1_000 })
}

function unshown(changes: readonly EpisodeChange[], ms: number): Error {
  const what = changes.map(({ change }) => change).join(', ')
  return new Error(`${new Date(ms).toISOString()}: ${what}, which has no row in the story`)
}
