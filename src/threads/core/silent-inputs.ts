import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { Episode, EpisodeChange } from '../../model/episode.ts'
import type { PartitionState } from '../../model/partition.ts'
import { systemEpisode } from './system-episode.ts'

/** Rule id of the incidents that say that an input is silent; see `GAP_RULE_ID`. */
export const SILENT_RULE_ID = 'tocsin:silent'

/** What such an incident says of itself. */
export const SILENT_RULE: RuleInfo = {
  title: 'An input is silent',
  labels: {},
  annotations: {
    summary:
      'Nothing came through input {{ group.input }} for {{ value }} seconds and more: what its ' +
      'rules do not find there says nothing',
  },
  threshold: null,
  window: null,
  graylogUrl: null,
}

/** What is asked about each input, by the clock of the entry that the answer goes into. */
export interface Listening {
  readonly nowMs: number
  readonly states: readonly PartitionState[]
  /** Whether everything accepted is evaluated: what waits is not silence. */
  readonly isCaughtUp: (partition: string) => boolean
  /** `undefined`: its silence is nobody's business, or it is not configured any more. */
  readonly silentAfterMs: (input: string) => number | undefined
}

/**
 * The built-in rule on an input that had records and has none any more (design §4.2): one episode
 * from the last sign of life to the next record, also over restarts. Not the engine's effects. At
 * most one entry for each input (I2).
 */
export class SilentInputs {
  readonly #open = new Map<string, Episode>()

  /** Takes over the episodes that the former owner left open. */
  restore(unsettled: readonly Episode[]): void {
    for (const episode of unsettled) this.#open.set(episode.group['input'] ?? '', episode)
  }

  /** Since when an input is silent, ms UTC; `null` when it is not. */
  sinceMs(input: string): number | null {
    return this.#open.get(input)?.startMs ?? null
  }

  /** What is to be told now; asked about once a second. */
  due(listening: Listening): EpisodeChange[] {
    const { nowMs, silentAfterMs } = listening
    const told: EpisodeChange[] = []
    const heard = heardOf(listening.states)
    for (const [input, episode] of this.#open) {
      const { recordMs } = heard.get(input) ?? { recordMs: -Infinity }
      if (silentAfterMs(input) !== undefined && recordMs <= episode.startMs) continue
      this.#open.delete(input)
      told.push(...ended(episode, nowMs))
    }
    for (const [input, { recordMs, signMs, partitions }] of heard) {
      const afterMs = silentAfterMs(input)
      if (afterMs === undefined || recordMs === -Infinity || this.#open.has(input)) continue
      if (nowMs - signMs < afterMs || !partitions.every(listening.isCaughtUp)) continue
      const episode = begun(input, { fromMs: signMs, toMs: signMs + afterMs })
      this.#open.set(input, episode)
      told.push({ change: 'opened', episode, atMs: nowMs, quietMs: 0 })
    }
    return told
  }
}

interface Heard {
  /** When the latest record was received; -Infinity before the first. */
  recordMs: number
  /** The same by the clock of the entries, or since when this process listens. */
  signMs: number
  readonly partitions: string[]
}

function heardOf(states: readonly PartitionState[]): Map<string, Heard> {
  const heard = new Map<string, Heard>()
  for (const { id, input, progress, maxReceivedMs, lastReceivedMs } of states) {
    if (progress === 'retired') continue
    const of = heard.get(input) ?? { recordMs: -Infinity, signMs: -Infinity, partitions: [] }
    heard.set(input, of)
    of.recordMs = Math.max(of.recordMs, maxReceivedMs ?? -Infinity)
    of.signMs = Math.max(of.signMs, lastReceivedMs)
    of.partitions.push(id)
  }
  return heard
}

/** It ends where it was due: the record that ends the silence begins what may be the next. */
function begun(input: string, at: { readonly fromMs: number; readonly toMs: number }): Episode {
  const { fromMs, toMs } = at
  const value = Math.round((toMs - fromMs) / 1_000)
  const when = { startMs: fromMs, endMs: toMs }
  const name = [input, String(fromMs)]
  return systemEpisode({
    ruleId: SILENT_RULE_ID,
    name,
    group: { input },
    ...when,
    value,
    matches: 1,
  })
}

function ended(episode: Episode, nowMs: number): EpisodeChange[] {
  const at = { atMs: nowMs, quietMs: 0 }
  return [
    { change: 'cleared', episode: { ...episode, state: 'cleared' }, ...at },
    { change: 'settled', episode: { ...episode, state: 'settled' }, ...at },
  ]
}
