import { GroupCommit } from '../../src/ingest/journal/group-commit.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Matches } from '../../src/model/matches.ts'
import type { Slab } from '../../src/model/slab.ts'
import { partitionId } from '../../src/model/slab.ts'
import { MatchStep } from '../../src/pipeline.ts'
import type { LoadedRules, LoadRules } from '../../src/threads/core/loaded-rules.ts'
import type { RulesMessage, ToCore } from '../../src/threads/messages.ts'
import { Channel } from './channel.ts'
import type { MemoryJournal } from './memory-journal.ts'
import type { Random } from './random.ts'
import type { ProcessTimers, Scheduler } from './scheduler.ts'

export interface IntakeParts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly gate: (task: () => void) => void
  readonly timers: ProcessTimers
  readonly clock: Clock
  readonly journal: MemoryJournal
  readonly threads: number
  /** Records after which a slab is cut, at most. */
  readonly slabMax: number
  readonly delayMs: number
  readonly load: LoadRules
  readonly toCore: (message: ToCore) => void
}

interface OpenSlab {
  readonly records: Uint8Array[]
  readonly receivedMs: number
}

/**
 * Intake and journal threads of one process: records are cut into slabs anywhere, matched by the
 * real matcher, and what journal and matchers tell the core arrives in two independent orders.
 */
export class SimulatedIntake {
  readonly #parts: IntakeParts
  readonly #event = new GelfEvent()
  readonly #open = new Map<string, OpenSlab>()
  readonly #seq = new Map<string, number>()
  readonly #rules: LoadedRules[] = []
  readonly #steps = new Map<string, { readonly rules: LoadedRules; readonly step: MatchStep }>()
  readonly #toCore: Channel<ToCore>[]
  readonly #toJournal: Channel<Slab>[]
  readonly #fromJournal: Channel<ToCore>
  readonly #group: GroupCommit
  #isFlushing = false
  #epoch: number | undefined

  constructor(parts: IntakeParts) {
    this.#parts = parts
    const { journal, threads, toCore } = parts
    this.#group = new GroupCommit({ writer: journal.writer(), report: () => undefined })
    const each = Array.from({ length: threads })
    this.#toCore = each.map(() => this.#channel(toCore))
    this.#toJournal = each.map(() => this.#channel((slab: Slab) => this.#journal(slab)))
    this.#fromJournal = this.#channel(toCore)
  }

  get isListening(): boolean {
    return this.#epoch !== undefined
  }

  listen(epoch: number): void {
    this.#epoch = epoch
  }

  /** One thread after the other switches to a rule set, and tells the core in its own order. */
  activate(thread: number, message: RulesMessage): void {
    this.#rules[thread] = this.#parts.load(message.source)
    this.#toCore[thread]!.post(message)
  }

  /** A record comes in at some thread. */
  take(input: string, bytes: Uint8Array): void {
    const { random, timers, threads, slabMax, clock, delayMs } = this.#parts
    const thread = random.between(0, threads - 1)
    const key = `${thread} ${input}`
    let slab = this.#open.get(key)
    if (slab === undefined) {
      slab = { records: [], receivedMs: clock() }
      this.#open.set(key, slab)
      timers.after(random.delay(delayMs), () => this.#seal(thread, input, slab!))
    }
    slab.records.push(bytes)
    if (slab.records.length >= random.between(1, slabMax)) this.#seal(thread, input, slab)
  }

  /** The matching threads are busy: nothing of them arrives until then. */
  stall(untilMs: number): void {
    for (const channel of this.#toCore) channel.stall(untilMs)
  }

  #seal(thread: number, input: string, open: OpenSlab): void {
    const key = `${thread} ${input}`
    if (this.#open.get(key) !== open) return
    this.#open.delete(key)
    const partition = partitionId(input, this.#epoch!)
    const name = `${thread} ${partition}`
    const seq = this.#seq.get(name) ?? 0
    this.#seq.set(name, seq + 1)
    const offsets = new Uint32Array(open.records.length + 1)
    for (const [i, { length }] of open.records.entries()) offsets[i + 1] = offsets[i]! + length
    const bytes = Buffer.concat(open.records)
    const slab = { partition, thread, seq, bytes, offsets, receivedMs: open.receivedMs }
    this.#toJournal[thread]!.post(slab)
    this.#toCore[thread]!.post({ kind: 'matches', matches: this.#match(slab, input) })
  }

  #match(slab: Slab, input: string): Matches {
    const step = this.#step(slab.thread, input)
    let maxTimeMs = -Infinity
    for (let i = 0; i + 1 < slab.offsets.length; i++) {
      const { bytes, offsets, receivedMs } = slab
      const refusal = this.#event.scan(bytes, offsets[i]!, offsets[i + 1]!, receivedMs)
      if (refusal !== undefined) throw new Error(`the simulation sent a bad record: ${refusal}`)
      maxTimeMs = Math.max(maxTimeMs, Math.min(this.#event.timeMs, receivedMs))
      step.record(this.#event, i, maxTimeMs)
    }
    return step.seal(slab, maxTimeMs)
  }

  /** One per thread and input, as long as its rules are in force. */
  #step(thread: number, input: string): MatchStep {
    const rules = this.#rules[thread]!
    const key = `${thread} ${input}`
    const known = this.#steps.get(key)
    if (known?.rules === rules) return known.step
    const step = new MatchStep(rules.matcher(input), rules.hash)
    this.#steps.set(key, { rules, step })
    return step
  }

  #journal(slab: Slab): void {
    const refused = this.#group.push(slab)
    if (refused !== undefined) this.#fromJournal.post({ kind: 'refused', ...refused })
    if (this.#isFlushing) return
    this.#isFlushing = true
    const { random, timers, delayMs } = this.#parts
    timers.after(random.delay(delayMs), () => {
      this.#isFlushing = false
      const { durable, refused } = this.#group.flush()
      for (const one of durable) this.#fromJournal.post({ kind: 'durable', durable: one })
      for (const { partition, thread, seq } of refused) {
        this.#fromJournal.post({ kind: 'refused', partition, thread, seq })
      }
    })
  }

  #channel<T>(deliver: (message: T) => void): Channel<T> {
    const { scheduler, random, gate, delayMs } = this.#parts
    return new Channel<T>({ scheduler, random, gate, deliver, meanMs: delayMs })
  }
}
