import type { PartitionLink } from '../../model/partition.ts'
import type { RulesetSource } from '../../model/ruleset.ts'
import { inputOfPartition, logOfPartition } from '../../model/slab.ts'
import type { InputLink } from '../messages.ts'

/**
 * How long a log that cannot be reached holds the watermark: what it has will still come, and must
 * not be refused as late then. After that, time goes on without it (design §4.2: as if idle).
 */
const HOLD_MS = 15 * 60_000

interface Link {
  readonly isUp: boolean
  /** When it became so, as the core's clock says. */
  readonly sinceMs: number
  readonly lags: Readonly<Record<string, number>>
}

/**
 * What the intake last said of the inputs that read logs: one that is down is no witness of time,
 * and a partition that lags is not idle however long nothing came (design §4.2).
 */
export class InputLinks {
  readonly #links = new Map<string, Link>()
  #inputs: RulesetSource['inputs'] = {}

  /** The inputs of the rule set in force. */
  setInputs(inputs: RulesetSource['inputs']): void {
    this.#inputs = inputs
  }

  /** Inputs of sockets: each has one partition, from the start. */
  sockets(): string[] {
    return Object.keys(this.#inputs).filter((input) => this.#inputs[input]!.isLog !== true)
  }

  set({ input, isUp, lags }: InputLink, nowMs: number): void {
    const former = this.#links.get(input)
    const sinceMs = former?.isUp === isUp ? former.sinceMs : nowMs
    this.#links.set(input, { isUp, sinceMs, lags })
  }

  of(partition: string): PartitionLink {
    return this.#of(partition)?.isUp === false ? 'down' : 'up'
  }

  /** Whether more is to come of the partition's log than the journal holds, or may be. */
  isBehind(partition: string, nowMs: number): boolean {
    if (!this.willOpen(partition)) return false
    const link = this.#of(partition)
    if (link === undefined) return true
    return link.isUp ? (link.lags[partition] ?? 0) > 0 : nowMs - link.sinceMs < HOLD_MS
  }

  /** Offsets of a partition's log that are not in the journal yet, as last heard. */
  lagOf(partition: string): number | undefined {
    return this.#of(partition)?.lags[partition]
  }

  /** Whether the input of a log's partition will say, or has said, which logs it reads now. */
  willOpen(partition: string): boolean {
    if (logOfPartition(partition) === undefined) return false
    return this.#inputs[inputOfPartition(partition)]?.isLog === true
  }

  #of(partition: string): Link | undefined {
    if (logOfPartition(partition) === undefined) return undefined
    return this.#links.get(inputOfPartition(partition))
  }
}
