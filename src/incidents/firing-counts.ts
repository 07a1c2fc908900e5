import type { DecideInput, StoredChange } from '../model/commit.ts'
import { InvariantError } from '../model/commit.ts'

/**
 * Which episodes of each incident fire at a step of the commit: an incident's signal is firing
 * exactly while at least one does. The store counts once, after all changes; what lies between
 * follows from the changes themselves.
 */
export class FiringCounts {
  readonly #owner = new Map<string, string>()
  readonly #others: Map<string, number>
  readonly #firing = new Map<string, Set<string>>()

  constructor(input: DecideInput) {
    const first = new Map<string, StoredChange>()
    const last = new Map<string, StoredChange>()
    for (const stored of input.changes) {
      const id = stored.episode.id
      if (!first.has(id)) first.set(id, stored)
      last.set(id, stored)
    }
    this.#others = new Map(input.firingEpisodes)
    const signals = new Map(input.incidents.map((incident) => [incident.id, incident.signal]))
    for (const [id, stored] of first) {
      const incidentId = stored.incidentId
      if (incidentId === null) continue
      if (isFiring(last.get(id)!)) {
        const others = (this.#others.get(incidentId) ?? 0) - 1
        if (others < 0)
          throw new InvariantError(`too few firing episodes counted for ${incidentId}`)
        this.#others.set(incidentId, others)
      }
      this.record(id, incidentId, signals.get(incidentId) === 'firing' && firedBefore(stored))
    }
  }

  /** The incident of an episode at this step; `undefined` while it has none. */
  ownerOf(episodeId: string): string | undefined {
    return this.#owner.get(episodeId)
  }

  /** Says whose an episode is now and whether it fires; moving it takes it from its former owner. */
  record(episodeId: string, incidentId: string, fires: boolean): void {
    const former = this.#owner.get(episodeId)
    if (former !== undefined) this.#firing.get(former)?.delete(episodeId)
    this.#owner.set(episodeId, incidentId)
    let firing = this.#firing.get(incidentId)
    if (firing === undefined) {
      firing = new Set()
      this.#firing.set(incidentId, firing)
    }
    if (fires) firing.add(episodeId)
  }

  count(incidentId: string): number {
    return (this.#others.get(incidentId) ?? 0) + (this.#firing.get(incidentId)?.size ?? 0)
  }
}

/** Whether the episode fires after this change. */
export function isFiring(stored: StoredChange): boolean {
  return !isMergedAway(stored) && stored.episode.state === 'open'
}

/**
 * Whether the change ended the row in favour of another. Two episodes of the engine can have
 * adopted the same row; when they merge, the row simply goes on.
 */
export function isMergedAway({ change, episode }: StoredChange): boolean {
  return change.change === 'merged' && change.into !== episode.id
}

/**
 * Whether an episode of a firing incident fired before its first change of the commit. Only the
 * moment at which a signal moves within one commit depends on it, never where it ends up.
 */
function firedBefore({ change }: StoredChange): boolean {
  if (change.change === 'refired') return false
  // An episode settles after it cleared, unless its rule went.
  return change.change !== 'settled' || change.cause === 'rule_removed'
}
