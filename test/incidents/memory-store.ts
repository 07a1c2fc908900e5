import type { CommandRequest } from '../../src/model/command.ts'
import type {
  Decide,
  DecideInput,
  Decision,
  OpenKeyOf,
  StoredChange,
} from '../../src/model/commit.ts'
import type { Disposition, Episode, EpisodeChange, Mode } from '../../src/model/episode.ts'
import type { EventSample } from '../../src/model/event.ts'
import type { Incident, IncidentEvent, TimelineEntry } from '../../src/model/incident.ts'

export interface EpisodeRow {
  readonly episode: Episode
  readonly mode: Mode
  readonly incidentId: string | null
  readonly disposition: Disposition | null
  readonly isMerged: boolean
}

/**
 * The smallest store that keeps the contract of `DecideInput`: rows in maps, one commit at a time.
 * Tests fold through it as the real store's transaction does.
 */
export class MemoryStore {
  readonly episodes = new Map<string, EpisodeRow>()
  readonly incidents = new Map<string, Incident>()
  readonly timeline: TimelineEntry[] = []
  readonly events: IncidentEvent[] = []
  readonly inputs: { input: DecideInput; decision: Decision }[] = []
  readonly #decide: Decide
  readonly #openKeyOf: OpenKeyOf

  constructor(decide: Decide, openKeyOf: OpenKeyOf) {
    this.#decide = decide
    this.#openKeyOf = openKeyOf
  }

  commit(request: {
    nowMs: number
    changes?: readonly EpisodeChange[]
    commands?: readonly CommandRequest[]
    evidence?: ReadonlyMap<string, EventSample>
  }): Decision {
    const changes = (request.changes ?? []).map((change) => this.#applyChange(change))
    const input = this.#input(request, changes)
    const decision = this.#decide(input)
    this.inputs.push({ input, decision })
    this.#write(decision)
    return decision
  }

  incident(number: number): Incident {
    const found = [...this.incidents.values()].find((incident) => incident.number === number)
    if (found === undefined) throw new Error(`no incident ${number}`)
    return found
  }

  linesOf(number: number): readonly string[] {
    const { id } = this.incident(number)
    return this.timeline.filter((line) => line.incidentId === id).map((line) => line.kind)
  }

  eventsOf(number: number): readonly string[] {
    const { id } = this.incident(number)
    return this.events.filter((event) => event.incident.id === id).map((event) => event.type)
  }

  #applyChange(change: EpisodeChange): StoredChange {
    const row = this.episodes.get(change.episode.id)
    const mode = row?.mode ?? this.#openKeyOf(change).mode
    this.episodes.set(change.episode.id, {
      episode: change.episode,
      mode,
      incidentId: row?.incidentId ?? null,
      disposition: row?.disposition ?? null,
      isMerged: change.change === 'merged' && change.into !== change.episode.id,
    })
    return {
      change,
      episode: change.episode,
      mode,
      incidentId: row?.incidentId ?? null,
      adopted: change.change === 'opened' && row !== undefined,
    }
  }

  #input(
    request: {
      nowMs: number
      commands?: readonly CommandRequest[]
      evidence?: ReadonlyMap<string, EventSample>
    },
    changes: readonly StoredChange[],
  ): DecideInput {
    const commands = request.commands ?? []
    const named = commands.flatMap(({ command }) => this.incidents.get(command.incidentId) ?? [])
    const keys = new Set([
      ...changes.map(({ change }) => this.#openKeyOf(change).dedupHash),
      ...named.map((incident) => incident.dedupHash),
    ])
    const owners = new Set([
      ...changes.map(({ incidentId }) => incidentId),
      ...named.map((i) => i.id),
    ])
    const all = [...this.incidents.values()].sort((a, b) => a.number - b.number)
    const incidents = all.filter(
      ({ id, openKey }) => owners.has(id) || (openKey !== null && keys.has(openKey)),
    )
    const previous = new Map<string, Incident>()
    for (const incident of all) {
      if (incident.openKey === null) previous.set(incident.dedupHash, incident)
    }
    const firingEpisodes = new Map<string, number>()
    const latestEpisodes = new Map<string, Episode>()
    for (const { episode, incidentId, isMerged } of this.episodes.values()) {
      if (incidentId === null) continue
      if (episode.state === 'open' && !isMerged) {
        firingEpisodes.set(incidentId, (firingEpisodes.get(incidentId) ?? 0) + 1)
      }
      const latest = latestEpisodes.get(incidentId)
      if (latest === undefined || isLater(episode, latest)) {
        latestEpisodes.set(incidentId, episode)
      }
    }
    return {
      nowMs: request.nowMs,
      changes,
      commands,
      incidents,
      previous,
      firingEpisodes,
      latestEpisodes,
      nextNumber: this.incidents.size + 1,
      evidence: request.evidence ?? new Map(),
    }
  }

  #write(decision: Decision): void {
    for (const incident of decision.incidents) this.incidents.set(incident.id, incident)
    for (const { episodeId, disposition, incidentId } of decision.dispositions) {
      const row = this.episodes.get(episodeId)
      if (row === undefined) throw new Error(`disposition of an unknown episode ${episodeId}`)
      this.episodes.set(episodeId, { ...row, disposition, incidentId })
    }
    this.timeline.push(...decision.timeline)
    this.events.push(...decision.events)
  }
}

function isLater(a: Episode, b: Episode): boolean {
  return a.startMs > b.startMs || (a.startMs === b.startMs && a.id > b.id)
}
