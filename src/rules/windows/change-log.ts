import type { EpisodeChange, EpisodeChangeKind } from '../../model/episode.ts'
import type { OpenEpisode } from './open-episode.ts'
import type { RecordNames } from './record-names.ts'

/** What happened to one episode within a slice; it is told once, as the episode then stands. */
interface Touched {
  readonly episode: OpenEpisode
  isNew: boolean
  isRefired: boolean
  isEscalated: boolean
  /** Event time of the first cause, and the time the change is told with. */
  readonly firstMs: number
  lastMs: number
  readonly cause: EpisodeChange['cause']
}

/**
 * Collects what happened to episodes within one input log entry. Firings of one slice are told
 * as one change per episode, before what the watermark then ends. Handed over in the order of the
 * first cause, rule and group, whatever order the state lies in.
 */
export class ChangeLog {
  readonly #names: RecordNames
  #touched = new Map<OpenEpisode, Touched>()
  #merges: { readonly from: OpenEpisode; readonly into: OpenEpisode; readonly atMs: number }[] = []
  #changes: EpisodeChange[] = []

  constructor(names: RecordNames) {
    this.#names = names
  }

  opened(episode: OpenEpisode, atMs: number, cause?: EpisodeChange['cause']): void {
    this.#touch(episode, atMs, cause).isNew = true
  }

  changed(episode: OpenEpisode, atMs: number): void {
    this.#touch(episode, atMs)
  }

  refired(episode: OpenEpisode, atMs: number): void {
    this.#touch(episode, atMs).isRefired = true
  }

  escalated(episode: OpenEpisode, atMs: number): void {
    this.#touch(episode, atMs).isEscalated = true
  }

  merged(from: OpenEpisode, into: OpenEpisode, atMs: number): void {
    const touched = this.#touched.get(from)
    this.#touched.delete(from)
    // Opened and absorbed within one slice: nobody ever heard of it.
    if (touched?.isNew !== true) this.#merges.push({ from, into, atMs })
    this.#touch(into, atMs)
  }

  /** The watermark passed its quiet period, or its end for good. Call {@link flush} before. */
  ended(
    episode: OpenEpisode,
    change: 'cleared' | 'settled',
    at: { readonly atMs: number; readonly cause?: EpisodeChange['cause'] },
  ): void {
    this.#changes.push(this.#told(episode, change, { ...at, state: change }))
  }

  /** Turns what the slice did into changes. */
  flush(): void {
    if (this.#touched.size === 0 && this.#merges.length === 0) return
    const told: { readonly sort: SortKey; readonly changes: EpisodeChange[] }[] = []
    for (const touched of this.#touched.values()) {
      const { episode, firstMs } = touched
      told.push({ sort: sortKey(episode, firstMs), changes: this.#tell(touched) })
    }
    const merges: typeof told = []
    for (const { from, into, atMs } of this.#merges) {
      const change = this.#told(from, 'merged', { atMs, state: 'settled', into: into.id })
      merges.push({ sort: sortKey(from, atMs), changes: [change] })
    }
    told.sort(bySortKey)
    // Survivors first: their openings must be known when something is merged into them.
    for (const { changes } of [...told, ...merges]) this.#changes.push(...changes)
    this.#touched = new Map()
    this.#merges = []
  }

  take(): EpisodeChange[] {
    this.flush()
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  #touch(episode: OpenEpisode, atMs: number, cause?: EpisodeChange['cause']): Touched {
    let touched = this.#touched.get(episode)
    if (touched === undefined) {
      const isNone = { isNew: false, isRefired: false, isEscalated: false }
      touched = { episode, ...isNone, firstMs: atMs, lastMs: atMs, cause }
      this.#touched.set(episode, touched)
    }
    touched.lastMs = atMs
    return touched
  }

  #tell(touched: Touched): EpisodeChange[] {
    const { episode, firstMs, lastMs, cause } = touched
    const state = episode.state
    if (touched.isNew) return [this.#told(episode, 'opened', { atMs: firstMs, state, cause })]
    const kinds: EpisodeChangeKind[] = []
    if (touched.isRefired) kinds.push('refired')
    if (touched.isEscalated) kinds.push('escalated')
    if (kinds.length === 0) kinds.push('changed')
    return kinds.map((kind) => this.#told(episode, kind, { atMs: lastMs, state }))
  }

  #told(
    episode: OpenEpisode,
    change: EpisodeChangeKind,
    at: {
      readonly atMs: number
      readonly state: 'open' | 'cleared' | 'settled'
      readonly cause?: EpisodeChange['cause']
      readonly into?: string
    },
  ): EpisodeChange {
    return {
      change,
      episode: episode.snapshot(this.#names, at.state),
      atMs: at.atMs,
      quietMs: episode.rule.quietMs,
      ...(at.into === undefined ? {} : { into: at.into }),
      ...(at.cause === undefined ? {} : { cause: at.cause }),
    }
  }
}

interface SortKey {
  readonly atMs: number
  readonly ruleId: string
  readonly group: string
  readonly id: string
}

function sortKey(episode: OpenEpisode, atMs: number): SortKey {
  return { atMs, ruleId: episode.rule.id, group: episode.groupKey, id: episode.id }
}

function bySortKey(a: { readonly sort: SortKey }, b: { readonly sort: SortKey }): number {
  return (
    a.sort.atMs - b.sort.atMs ||
    byText(a.sort.ruleId, b.sort.ruleId) ||
    byText(a.sort.group, b.sort.group) ||
    byText(a.sort.id, b.sort.id)
  )
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
