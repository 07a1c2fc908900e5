/**
 * Partitions and their watermarks (design §4.2). Duties: where each partition stands, what has
 * been witnessed of it, and what may be assumed of one that is silent.
 *
 *   1. Time is an argument; every state is a function of the recorded entries, so a replay that
 *      observes the same slices and applies the same clock entries holds the same states.
 *   2. `due` only proposes: what it returns becomes true when its entry is applied.
 *   3. A partition that nobody opened is opened by the entry that first names it.
 *   4. Retired partitions are forgotten but for the latest few of each input or log (I2), the last
 *      of which the next one starts from. Which ones is a function of the entries alone.
 */
import type { LogBody } from '../model/commit.ts'
import type {
  InputTiming,
  PartitionLink,
  PartitionProgress,
  PartitionState,
  Watermark,
} from '../model/partition.ts'
import {
  epochOfPartition,
  inputOfPartition,
  logOfPartition,
  stemOfPartition,
} from '../model/slab.ts'

/**
 * Of one input. More than the latest, because a process that was replaced may write on for a
 * while: what it wrote is judged by what its own partition had witnessed.
 */
export const RETIRED_MAX = 8

type Clock = 'event' | 'received'

type ClockBody = LogBody & { readonly kind: 'clock' }

export class PartitionTracker {
  readonly #states = new Map<string, PartitionState>()
  readonly #timing: (input: string) => InputTiming
  /** Opened here, not yet named by an entry: the next clock entry must say so. */
  readonly #unannounced = new Set<string>()
  readonly #retiring = new Set<string>()

  constructor(states: readonly PartitionState[], timing: (input: string) => InputTiming) {
    for (const state of states) this.#states.set(state.id, state)
    this.#timing = timing
  }

  /** Takes the states of a checkpoint, before anything else. */
  restore(states: readonly PartitionState[]): void {
    for (const state of states) this.#states.set(state.id, state)
  }

  /**
   * Starts a partition with what its input's earlier ones have witnessed. Write the clock entry
   * that {@link due} then proposes before any other entry, so that a replay opens it there too.
   * A partition that is already known is left as it is.
   */
  open(partition: string, input: string, epoch: number, nowMs: number): void {
    if (this.#states.has(partition)) return
    this.#create({ id: partition, input, epoch, nowMs })
    this.#unannounced.add(partition)
  }

  /** Its writer is gone and it is read to the end: the next {@link due} proposes it as retired. */
  retire(partition: string): void {
    if (this.#states.get(partition)?.progress === 'retired') return
    this.#retiring.add(partition)
  }

  /** Records up to `to` were evaluated by the entry with `nowMs`. */
  observe(
    partition: string,
    seen: {
      /** Greatest min(time, received) of them; -Infinity when there were none. */
      readonly maxTimeMs: number
      readonly receivedMs: number
      readonly to: number
      readonly nowMs: number
      /** Of a partition read from a log: offset to read next there. */
      readonly offset?: number
    },
  ): void {
    const state = this.#states.get(partition) ?? this.#createNamed(partition, seen.nowMs)
    this.#unannounced.delete(partition)
    const isEmpty = seen.to <= state.next
    this.#states.set(partition, {
      ...state,
      next: Math.max(state.next, seen.to),
      maxTimeMs: greatest(state.maxTimeMs, seen.maxTimeMs),
      maxReceivedMs: isEmpty ? state.maxReceivedMs : greatest(state.maxReceivedMs, seen.receivedMs),
      lastReceivedMs: isEmpty ? state.lastReceivedMs : seen.nowMs,
      progress: state.progress === 'idle' && !isEmpty ? 'caught_up' : state.progress,
      ...(seen.offset !== undefined && { offset: seen.offset }),
    })
  }

  /** Makes true what a clock entry says. */
  applyClock(body: LogBody): void {
    if (body.kind !== 'clock') return
    // Those of the entries before: what this one retires is still to be written down.
    this.#forgetRetired()
    for (const { id, link, progress, offset } of body.partitions) {
      const state = this.#states.get(id) ?? this.#createNamed(id, body.nowMs)
      this.#states.set(id, { ...state, link, progress, ...(offset !== undefined && { offset }) })
      this.#unannounced.delete(id)
      if (progress === 'retired') this.#retiring.delete(id)
    }
  }

  /**
   * The clock entry that is needed because a partition's state would change, naming only those;
   * `undefined` when none would. A backlog shorter than a second is not called one: it would cost
   * an entry for every slab.
   */
  due(
    nowMs: number,
    isCaughtUp: (partition: string) => boolean,
    link: (partition: string) => PartitionLink,
  ): ClockBody | undefined {
    const changes: { id: string; link: PartitionLink; progress: PartitionProgress }[] = []
    for (const state of this.#states.values()) {
      if (state.progress === 'retired') continue
      const next = {
        id: state.id,
        link: link(state.id),
        progress: this.#progressOf(state, { nowMs, isCaughtUp, link }),
      }
      const isNew = this.#unannounced.has(state.id)
      if (isNew || next.link !== state.link || next.progress !== state.progress) changes.push(next)
    }
    return changes.length === 0 ? undefined : { kind: 'clock', nowMs, partitions: changes }
  }

  /**
   * Witnessed watermark of one partition, ms UTC; -Infinity before the first event of its input.
   * One that nobody opened is judged as it would begin: its process died before it said so.
   */
  witnessed(partition: string, clock: Clock): number {
    const state = this.#states.get(partition) ?? this.#beginning(named(partition))
    return this.#witnessedOf(state, clock)
  }

  /**
   * What is known to have arrived through all of `inputs` (empty: every input): the lowest of
   * their partitions. It is `assumed` as soon as one of them has not witnessed as much.
   */
  watermark(inputs: readonly string[], clock: Clock, nowMs: number): Watermark {
    let ms = Infinity
    let leastWitnessed = Infinity
    for (const state of this.#states.values()) {
      if (state.progress === 'retired') continue
      if (inputs.length > 0 && !inputs.includes(state.input)) continue
      const witnessed = this.#witnessedOf(state, clock)
      leastWitnessed = Math.min(leastWitnessed, witnessed)
      ms = Math.min(ms, Math.max(witnessed, this.#assumedOf(state, nowMs)))
    }
    if (ms === Infinity) return { ms: -Infinity, quality: 'witnessed' }
    return { ms, quality: leastWitnessed < ms ? 'assumed' : 'witnessed' }
  }

  state(partition: string): PartitionState | undefined {
    return this.#states.get(partition)
  }

  /** In the order in which they were opened. */
  states(): PartitionState[] {
    return [...this.#states.values()]
  }

  /**
   * It was retired, and as many others as are remembered have been since. One of sockets was read to
   * its end; of a log it is no longer known how far it was read before another writer read on.
   */
  hasForgotten(partition: string): boolean {
    if (this.#states.has(partition)) return false
    const { epoch } = named(partition)
    const stem = stemOfPartition(partition)
    const later = this.states().filter(
      (state) =>
        state.epoch > epoch && state.progress === 'retired' && stemOfPartition(state.id) === stem,
    )
    return later.length >= retiredMax(partition)
  }

  #forgetRetired(): void {
    const kept = new Map<string, number>()
    const retired = this.states().filter(({ progress }) => progress === 'retired')
    for (const { id } of retired.sort((a, b) => b.epoch - a.epoch)) {
      const stem = stemOfPartition(id)
      const count = kept.get(stem) ?? 0
      if (count === retiredMax(id)) this.#states.delete(id)
      else kept.set(stem, count + 1)
    }
  }

  #progressOf(
    state: PartitionState,
    at: {
      readonly nowMs: number
      readonly isCaughtUp: (partition: string) => boolean
      readonly link: (partition: string) => PartitionLink
    },
  ): PartitionProgress {
    const isCaughtUp = at.isCaughtUp(state.id)
    if (isCaughtUp && this.#retiring.has(state.id)) return 'retired'
    const silentMs = at.nowMs - state.lastReceivedMs
    if (isCaughtUp) {
      const isSilent = silentMs >= this.#timing(state.input).idleAfterMs
      return isSilent || at.link(state.id) === 'down' ? 'idle' : 'caught_up'
    }
    return state.progress === 'caught_up' && silentMs < 1_000 ? 'caught_up' : 'behind'
  }

  #witnessedOf(
    state: Pick<PartitionState, 'input' | 'maxTimeMs' | 'maxReceivedMs'>,
    clock: Clock,
  ): number {
    const max = clock === 'received' ? state.maxReceivedMs : state.maxTimeMs
    return max === null ? -Infinity : max - this.#timing(state.input).reorderMs
  }

  #assumedOf(state: PartitionState, nowMs: number): number {
    if (state.progress !== 'idle') return -Infinity
    const { idleAfterMs, reorderMs } = this.#timing(state.input)
    return nowMs - idleAfterMs - reorderMs
  }

  #createNamed(partition: string, nowMs: number): PartitionState {
    return this.#create({ ...named(partition), nowMs })
  }

  #create({ nowMs, ...opened }: Named & { readonly nowMs: number }): PartitionState {
    const state: PartitionState = {
      ...opened,
      ...this.#beginning(opened),
      next: 0,
      lastReceivedMs: nowMs,
      link: 'up',
      progress: 'caught_up',
    }
    this.#states.set(opened.id, state)
    return state
  }

  /** What the earlier partitions of the input, or of the same log, have shown. */
  #beginning({
    id,
    input,
    epoch,
  }: Named): Pick<PartitionState, 'input' | 'maxTimeMs' | 'maxReceivedMs'> {
    const stem = stemOfPartition(id)
    let maxTimeMs: number | null = null
    let maxReceivedMs: number | null = null
    for (const state of this.#states.values()) {
      if (stemOfPartition(state.id) !== stem || state.epoch >= epoch) continue
      maxTimeMs = greatest(maxTimeMs, state.maxTimeMs)
      maxReceivedMs = greatest(maxReceivedMs, state.maxReceivedMs)
    }
    return { input, maxTimeMs, maxReceivedMs }
  }
}

interface Named {
  readonly id: string
  readonly input: string
  readonly epoch: number
}

/** A partition by its name. */
function named(id: string): Named {
  return { id, input: inputOfPartition(id), epoch: epochOfPartition(id) }
}

function greatest(a: number | null, b: number | null): number | null {
  if (b === null || b === -Infinity) return a
  return a === null ? b : Math.max(a, b)
}

/** Of a log nothing is evaluated after it was retired, so only the latest matters. */
function retiredMax(partition: string): number {
  return logOfPartition(partition) === undefined ? RETIRED_MAX : 1
}
