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
  #closed: Told[] = []
  #ended: Told[] = []
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
    at: { readonly atMs: number; readonly dueMs: number },
  ): void {
    const told = this.#told(episode, change, { atMs: at.atMs, state: change })
    this.#ended.push({ sort: sortKey(episode, at.dueMs), changes: [told] })
  }

  /** Its group had to go in the middle of a slice, or its rule is gone: settled as it stands. */
  closed(
    episode: OpenEpisode,
    at: { readonly atMs: number; readonly cause?: EpisodeChange['cause'] },
  ): void {
    const changes: EpisodeChange[] = []
    const touched = this.#touched.get(episode)
    if (touched !== undefined) changes.push(...this.#tell(touched))
    this.#touched.delete(episode)
    changes.push(...this.#toldMerges(({ into }) => into === episode).flatMap((one) => one.changes))
    this.#merges = this.#merges.filter(({ into }) => into !== episode)
    changes.push(this.#told(episode, 'settled', { ...at, state: 'settled' }))
    this.#closed.push({ sort: sortKey(episode, at.atMs), changes })
  }

  /** Turns what the slice did into changes. */
  flush(): void {
    const isNothing = this.#touched.size + this.#merges.length + this.#closed.length === 0
    if (isNothing) return
    const told = Array.from(this.#touched.values(), (touched): Told => {
      const sort = sortKey(touched.episode, touched.firstMs)
      return { sort, changes: this.#tell(touched) }
    })
    this.#tellInOrder(this.#closed)
    this.#tellInOrder(told)
    // Survivors first: their openings must be known when something is merged into them.
    this.#tellInOrder(this.#toldMerges(() => true))
    this.#closed = []
    this.#touched = new Map()
    this.#merges = []
  }

  take(): EpisodeChange[] {
    this.flush()
    this.#tellInOrder(this.#ended)
    this.#ended = []
    const changes = this.#changes
    this.#changes = []
    return changes
  }

  #tellInOrder(told: readonly Told[]): void {
    for (const { changes } of told.toSorted(bySortKey)) this.#changes.push(...changes)
  }

  #toldMerges(isAsked: (merge: { readonly into: OpenEpisode }) => boolean): Told[] {
    return this.#merges.filter(isAsked).map(({ from, into, atMs }) => {
      const change = this.#told(from, 'merged', { atMs, state: 'settled', into: into.id })
      return { sort: sortKey(from, atMs), changes: [change] }
    })
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

/** Changes of one episode, and where they belong among those of others. */
interface Told {
  readonly sort: SortKey
  readonly changes: readonly EpisodeChange[]
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

/** A stable order: what one episode does at one time stays in the order in which it did it. */
function bySortKey(a: Told, b: Told): number {
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
