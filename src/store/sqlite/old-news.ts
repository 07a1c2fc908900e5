import type { RecomputeAnswer, RecomputedEpisode } from '../../model/commit.ts'
import type { Episode } from '../../model/episode.ts'
import { widened } from '../widen.ts'
import type { EpisodeTable, StoredRow } from './episode-table.ts'
import type { RecomputeTable } from './recompute-table.ts'

const TOCSIN = 'tocsin'

/** What one answer did; see `RecomputeCounts`. */
export interface OldNewsCounts {
  recorded: number
  widened: number
  noted: number
}

/**
 * Records what was read back for late matches (design §4.2). Such an episode adopts nothing and is
 * adopted by nothing; where it overlaps a real one of its rule and group, its late matches are
 * noted on that. Only among themselves do they grow: a later answer for the same stretch of time
 * saw everything that the earlier one did.
 */
export class OldNews {
  readonly #episodes: EpisodeTable
  readonly #recomputes: RecomputeTable

  constructor(episodes: EpisodeTable, recomputes: RecomputeTable) {
    this.#episodes = episodes
    this.#recomputes = recomputes
  }

  /** An answer to what is no longer outstanding was recorded before: nothing comes of it. */
  record({ ids, episodes }: RecomputeAnswer, nowMs: number): OldNewsCounts {
    const counts = { recorded: 0, widened: 0, noted: 0 }
    for (const recomputed of episodes) {
      if (!recomputed.ids.every((id) => this.#recomputes.isOutstanding(id))) continue
      const done =
        recomputed.lateMatches === 0 ? this.#again(recomputed) : this.#record(recomputed, nowMs)
      if (done !== undefined) counts[done]++
    }
    for (const id of ids) this.#recomputes.answered(id)
    return counts
  }

  #record(recomputed: RecomputedEpisode, nowMs: number): keyof OldNewsCounts {
    const { episode, mode, ruleset, lateMatches, cause } = recomputed
    const interval = { fromMs: episode.startMs, toMs: episode.endMs }
    const real = this.#episodes.known(episode, mode, interval)
    const earlier = this.#episodes.recomputed(episode, mode, interval)
    const target = real ?? earlier[0] ?? this.#survivorOf(episode.id)
    if (target === undefined) {
      this.#episodes.insert(episode, mode, ruleset, true)
      this.#episodes.addLateMatches(episode.id, lateMatches, interval)
      const disposition = { disposition: 'old_news', incidentId: null, cause } as const
      this.#episodes.dispose(episode.id, { ...disposition, actor: TOCSIN }, nowMs)
      return 'recorded'
    }
    const { id } = target.episode
    this.#episodes.addLateMatches(id, lateMatches, interval)
    for (const row of earlier) if (row !== target) this.#mergeInto(id, row, nowMs)
    if (!target.recomputed) return 'noted'
    this.#update(target.episode, episode)
    return 'widened'
  }

  /** Nothing of it is late: at most another episode counts what this one had counted. */
  #again({ episode, mode }: RecomputedEpisode): undefined {
    const interval = { fromMs: episode.startMs, toMs: episode.endMs }
    const [row] = this.#episodes.recomputed(episode, mode, interval)
    if (row !== undefined) this.#update(row.episode, episode)
  }

  /** What covers a row is what it has become; where the journal has lost some, both count. */
  #update(row: Episode, now: Episode): void {
    const isCovered = now.startMs <= row.startMs && now.endMs >= row.endMs
    this.#episodes.update(isCovered ? { ...now, id: row.id } : widened(row, now), false)
  }

  /** Where the row of an earlier answer went that began at the same record and had seen more. */
  #survivorOf(id: string): StoredRow | undefined {
    let row = this.#episodes.find(id)
    while (row?.mergedInto != null) row = this.#episodes.find(row.mergedInto)
    return row
  }

  #mergeInto(id: string, { episode }: StoredRow, nowMs: number): void {
    this.#episodes.setMergedInto(episode.id, id)
    const cause = `late matches made it part of the episode ${id}`
    const disposition = { disposition: 'merged', incidentId: null, cause } as const
    this.#episodes.dispose(episode.id, { ...disposition, actor: TOCSIN }, nowMs)
  }
}
