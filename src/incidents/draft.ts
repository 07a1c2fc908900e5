import type { DecideInput, Decision } from '../model/commit.ts'
import { InvariantError } from '../model/commit.ts'
import type { CommandResult } from '../model/command.ts'
import type { Disposition, Episode } from '../model/episode.ts'
import type { Incident, IncidentEventType, TimelineEntry } from '../model/incident.ts'
import { absorbs } from '../model/incident.ts'
import type { DecideOptions } from './decide.ts'
import { reportOf } from './report.ts'

/** Who acts when no person does. */
export const TOCSIN = 'tocsin'

type Line = Omit<TimelineEntry, 'incidentId' | 'atMs'>

/**
 * The decision of one commit while it is being made: the incidents as they stand after the steps
 * taken so far, and everything that follows from those steps, in their order.
 *
 * 1. A step on an incident writes a line of its timeline; the first raises its version, further
 *    ones of the same commit do not.
 * 2. An event carries the next sequence number and the incident as it is at that step.
 * 3. An incident holds its open key exactly while its phase absorbs, and no two hold the same.
 */
export class Draft {
  readonly nowMs: number
  readonly options: DecideOptions
  readonly #evidence: DecideInput['evidence']
  readonly #incidents = new Map<string, Incident>()
  readonly #absorbing = new Map<string, string>()
  readonly #ended: Map<string, Incident>
  readonly #latestEpisode: Map<string, Episode>
  readonly #touched = new Set<string>()
  readonly #timeline: TimelineEntry[] = []
  readonly #dispositions: Decision['dispositions'][number][] = []
  readonly #events: Decision['events'][number][] = []
  readonly #deliveries: Decision['deliveries'][number][] = []
  #nextNumber: number

  constructor(input: DecideInput, options: DecideOptions) {
    this.nowMs = input.nowMs
    this.options = options
    this.#evidence = input.evidence
    this.#ended = new Map(input.previous)
    this.#latestEpisode = new Map(input.latestEpisodes)
    this.#nextNumber = input.nextNumber
    for (const incident of input.incidents) {
      this.#incidents.set(incident.id, incident)
      if (incident.openKey !== null) this.#absorbing.set(incident.openKey, incident.id)
    }
  }

  find(id: string): Incident | undefined {
    return this.#incidents.get(id)
  }

  /** Throws when the store did not hand the incident over: its contract is broken (I13). */
  get(id: string): Incident {
    const incident = this.#incidents.get(id)
    if (incident === undefined) throw new InvariantError(`decide was not given incident ${id}`)
    return incident
  }

  /** The incident that takes the episodes of this key now. */
  absorbing(openKey: string): Incident | undefined {
    const id = this.#absorbing.get(openKey)
    return id === undefined ? undefined : this.get(id)
  }

  /** The latest incident of the key that takes no more episodes. */
  previous(dedupHash: string): Incident | undefined {
    return this.#ended.get(dedupHash)
  }

  open(fresh: Omit<Incident, 'number' | 'version' | 'sequence'>, line: Line): Incident {
    const incident: Incident = { ...fresh, number: this.#nextNumber++, sequence: 0, version: 1 }
    this.#touched.add(incident.id)
    this.#keep(incident)
    this.#write(incident.id, line)
    return incident
  }

  /** One step: the incident takes the new values, and its timeline the line that says why. */
  step(id: string, patch: Partial<Incident>, line: Line): Incident {
    const before = this.get(id)
    const next = { ...before, ...patch }
    const incident: Incident = {
      ...next,
      openKey: absorbs(next.phase) ? next.dedupHash : null,
      version: this.#touched.has(id) ? before.version : before.version + 1,
    }
    this.#touched.add(id)
    if (before.openKey !== null && incident.openKey === null) {
      this.#absorbing.delete(before.openKey)
      this.#ended.set(incident.dedupHash, incident)
    }
    this.#keep(incident)
    this.#write(id, line)
    return incident
  }

  /** Keeps the episode as it now is, in case it is the incident's latest. */
  remember(id: string, episode: Episode): void {
    const latest = this.#latestEpisode.get(id)
    if (latest === undefined || !isLater(latest, episode)) this.#latestEpisode.set(id, episode)
  }

  /**
   * Tells the world; the event belongs to the step taken just before. Its report speaks of the
   * episode that caused it, or of the incident's latest.
   */
  announce(
    id: string,
    type: IncidentEventType,
    about: {
      readonly episode?: Episode
      readonly change?: Readonly<Record<string, string>>
    },
  ): void {
    const before = this.get(id)
    const episode = about.episode ?? this.#latestEpisode.get(id)
    if (episode === undefined) {
      throw new InvariantError(`decide was given no episode of incident ${id}`)
    }
    const incident = { ...before, sequence: before.sequence + 1 }
    this.#incidents.set(id, incident)
    const report = reportOf({
      episode,
      title: incident.title,
      rule: this.options.ruleInfo(episode.ruleId),
      evidence: this.#evidence,
      change: about.change ?? null,
    })
    const sequence = incident.sequence
    const event = { type, incident, sequence, atMs: this.nowMs, report }
    this.#events.push(event)
    this.#deliveries.push(...this.options.deliveriesFor(event))
  }

  dispose(
    episodeId: string,
    disposition: Disposition,
    incidentId: string | null,
    cause: string,
  ): void {
    this.#dispositions.push({ episodeId, disposition, incidentId, cause, actor: TOCSIN })
  }

  /** Event time of the earliest match of the episode that evidence knows. */
  firstEventMs(episode: Episode): number {
    return Math.min(
      this.#evidence.get(episode.firstRef)?.timeMs ?? episode.startMs,
      episode.startMs,
    )
  }

  decision(results: readonly CommandResult[]): Decision {
    const incidents = [...this.#touched].map((id) => this.get(id))
    return {
      // A key is given up before another incident takes it: the database forbids two holders.
      incidents: [
        ...incidents.filter(({ openKey }) => openKey === null),
        ...incidents.filter(({ openKey }) => openKey !== null),
      ],
      timeline: this.#timeline,
      dispositions: this.#dispositions,
      events: this.#events,
      deliveries: this.#deliveries,
      results,
    }
  }

  #keep(incident: Incident): void {
    const key = incident.openKey
    if (key !== null) {
      const holder = this.#absorbing.get(key) ?? incident.id
      if (holder !== incident.id)
        throw new InvariantError(`two incidents absorb the open key ${key}`)
      this.#absorbing.set(key, incident.id)
    }
    this.#incidents.set(incident.id, incident)
  }

  #write(incidentId: string, line: Line): void {
    this.#timeline.push({ incidentId, atMs: this.nowMs, ...line })
  }
}

/** By start, then by id, as the store finds the latest. */
function isLater(a: Episode, b: Episode): boolean {
  return a.startMs === b.startMs ? a.id > b.id : a.startMs > b.startMs
}
