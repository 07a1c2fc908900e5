import type { CommandRequest, IncidentCommand } from '../../src/model/command.ts'
import type {
  CommitEntry,
  CommitRequest,
  Decide,
  DecideInput,
  Decision,
  OpenKeyOf,
} from '../../src/model/commit.ts'
import type { Episode, EpisodeChange, EpisodeChangeKind } from '../../src/model/episode.ts'
import type { Incident, IncidentEvent } from '../../src/model/incident.ts'
import type { AttemptReport, Delivery } from '../../src/model/outbox.ts'
import type { PartitionState } from '../../src/model/partition.ts'

/** A time that looks like one. */
export const T0 = Date.UTC(2026, 0, 5, 9)

export const QUIET_MS = 60_000

function episode(over: Partial<Episode> = {}): Episode {
  const group = over.group ?? { region: 'eu' }
  return {
    id: 'e1',
    ruleId: 'checkout-5xx',
    ruleRev: 'rev1',
    group,
    groupKey: JSON.stringify(Object.values(group)),
    state: 'open',
    startMs: T0,
    endMs: T0,
    matches: 1,
    firings: 1,
    peak: 1,
    value: 1,
    severity: 'high',
    openedRef: 'payments@1:0',
    firstRef: 'payments@1:0',
    lastRef: 'payments@1:0',
    flags: [],
    ...over,
  }
}

export function change(
  kind: EpisodeChangeKind,
  over: Partial<Episode> = {},
  more: Partial<Omit<EpisodeChange, 'change' | 'episode'>> = {},
): EpisodeChange {
  const state = kind === 'cleared' ? 'cleared' : kind === 'settled' ? 'settled' : 'open'
  const changed = episode({ state, ...over })
  return { change: kind, episode: changed, atMs: changed.endMs, quietMs: QUIET_MS, ...more }
}

export function entry(over: Partial<CommitEntry['effects']> = {}, nth = 0): CommitEntry {
  const effects = { episodes: [], slo: [], ledger: [], recomputes: [], ...over }
  return {
    body: {
      kind: 'records',
      partition: 'payments@1',
      from: nth,
      to: nth + 1,
      nowMs: T0 + nth,
      ruleset: 'rules1',
    },
    effects,
    effectsHash: `hash of ${JSON.stringify(effects)}`,
    partitions: [partition({ next: nth + 1 })],
  }
}

export function partition(over: Partial<PartitionState> = {}): PartitionState {
  return {
    id: 'payments@1',
    input: 'payments',
    epoch: 1,
    next: 0,
    maxTimeMs: null,
    maxReceivedMs: null,
    lastReceivedMs: T0,
    link: 'up',
    progress: 'behind',
    ...over,
  }
}

/** A commit of one entry with these episode changes, unless `more` says otherwise. */
export function request(
  firstNo: number,
  episodes: readonly EpisodeChange[] = [],
  more: Partial<CommitRequest> = {},
): CommitRequest {
  return {
    firstNo,
    nowMs: T0 + firstNo,
    engineVersion: 'engine1',
    entries: [entry({ episodes }, firstNo)],
    commands: [],
    attempts: [],
    recomputed: [],
    evidence: new Map(),
    ...more,
  }
}

export function command(
  id: string,
  command: IncidentCommand,
  expectedVersion?: number,
): CommandRequest {
  return {
    id,
    actor: 'ada',
    command,
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
  }
}

export function attempt(deliveryId: string, over: Partial<AttemptReport> = {}): AttemptReport {
  return {
    deliveryId,
    receiver: 'hook',
    attempt: 1,
    atMs: T0,
    durationMs: 12,
    outcome: 'retry',
    status: 503,
    reason: 'serverError',
    detail: 'try later',
    nextMs: T0 + 2_000,
    disablesReceiver: false,
    ...over,
  }
}

/** Rules whose id starts with `drill` or `shadow` have that mode. */
export const openKeyOf: OpenKeyOf = ({ episode }) => {
  const mode = (['drill', 'shadow'] as const).find((mode) => episode.ruleId.startsWith(mode))
  const key = JSON.stringify([mode ?? 'real', episode.ruleId, episode.groupKey])
  return { openKey: key, dedupHash: key, mode: mode ?? 'real' }
}

/** A decision that says nothing. */
export const NOTHING: Decision = {
  incidents: [],
  timeline: [],
  dispositions: [],
  events: [],
  deliveries: [],
  results: [],
}

/**
 * The least that decides: a new episode opens an incident or joins the one that absorbs, with one
 * delivery for each; the signal follows the counts; notes, acknowledgements and dismissals.
 */
export const tinyDecide: Decide = (input) => {
  const incidents = new Map(input.incidents.map((incident) => [incident.id, incident]))
  const touched = new Map<string, Incident>()
  const timeline: Decision['timeline'][number][] = []
  const dispositions: Decision['dispositions'][number][] = []
  const events: IncidentEvent[] = []
  const deliveries: Delivery[] = []
  let number = input.nextNumber

  const touch = (id: string, over: Partial<Incident>, told: boolean): Incident => {
    const before = incidents.get(id)!
    const next = {
      ...before,
      ...over,
      version: touched.has(id) ? before.version : before.version + 1,
      sequence: before.sequence + (told ? 1 : 0),
    }
    incidents.set(id, next)
    touched.set(id, next)
    if (told) deliveries.push(delivery(next, input.nowMs))
    return next
  }
  const joined = (episodeId: string, disposition: 'opened' | 'attached', incidentId: string) => {
    dispositions.push({ episodeId, disposition, incidentId, cause: 'tiny', actor: 'tocsin' })
  }

  for (const { change, episode, mode, incidentId, adopted } of input.changes) {
    const { openKey, dedupHash } = openKeyOf(change)
    if (change.change === 'opened' && !adopted) {
      const open = [...incidents.values()].find((incident) => incident.openKey === openKey)
      if (open === undefined) {
        const opened = incident({
          id: `i-${episode.id}`,
          number: number++,
          openKey,
          dedupHash,
          mode,
          ruleId: episode.ruleId,
          group: episode.group,
          recurrenceOf: input.previous.get(dedupHash)?.id ?? null,
        })
        incidents.set(opened.id, opened)
        events.push(event(touch(opened.id, {}, true), input, episode))
        joined(episode.id, 'opened', opened.id)
      } else {
        touch(open.id, { signal: 'firing' }, false)
        joined(episode.id, 'attached', open.id)
      }
    }
    if (incidentId !== null && incidents.has(incidentId)) {
      const firing = (input.firingEpisodes.get(incidentId) ?? 0) > 0
      touch(incidentId, { signal: firing ? 'firing' : 'clear' }, false)
    }
    timeline.push(
      ...(incidentId === null
        ? []
        : [
            {
              incidentId,
              atMs: input.nowMs,
              kind: 'episode',
              actor: 'tocsin',
              text: change.change,
            } as const,
          ]),
    )
  }

  const results = input.commands.map(({ id, actor, command, expectedVersion }) => {
    const named = incidents.get(command.incidentId)
    if (named === undefined) {
      return { id, ok: false, reason: 'not_found', message: 'there is no such incident' } as const
    }
    if (expectedVersion !== undefined && expectedVersion !== named.version) {
      return { id, ok: false, reason: 'conflict', message: 'it has changed since' } as const
    }
    const over: Partial<Incident> =
      command.kind === 'acknowledge'
        ? { acknowledgedMs: input.nowMs, acknowledgedBy: actor }
        : command.kind === 'dismiss'
          ? { phase: 'dismissed', openKey: null, dismissal: command.as, closedMs: input.nowMs }
          : {}
    const next = touch(named.id, over, command.kind !== 'note')
    const text = command.kind === 'note' ? command.text : command.kind
    timeline.push({
      incidentId: named.id,
      atMs: input.nowMs,
      kind: 'note',
      actor,
      text,
      data: { id },
    })
    return { id, ok: true, incidentId: named.id, version: next.version } as const
  })
  return { incidents: [...touched.values()], timeline, dispositions, events, deliveries, results }
}

export function incident(over: Partial<Incident> = {}): Incident {
  return {
    id: 'i1',
    number: 1,
    openKey: 'key',
    dedupHash: 'key',
    mode: 'real',
    title: 'Checkout answers with server errors',
    ruleId: 'checkout-5xx',
    group: { region: 'eu' },
    labels: { team: 'payments' },
    severity: 'high',
    signal: 'firing',
    phase: 'identification',
    cycle: 0,
    procedure: 'full',
    openedMs: T0,
    firstEventMs: T0,
    signalsClearMs: null,
    acknowledgedMs: null,
    acknowledgedBy: null,
    closedMs: null,
    dismissal: null,
    recurrenceOf: null,
    sequence: 0,
    version: 0,
    ...over,
  }
}

export function delivery(incident: Incident, nowMs: number, receiver = 'hook'): Delivery {
  return {
    id: `d-${incident.id}-${incident.sequence}-${receiver}`,
    receiver,
    incidentId: incident.id,
    orderKey: incident.id,
    sequence: incident.sequence,
    type: 'incident.identification.started',
    body: JSON.stringify({ incident: incident.id, sequence: incident.sequence }),
    createdMs: nowMs,
  }
}

function event(incident: Incident, input: DecideInput, episode: Episode): IncidentEvent {
  return {
    type: 'incident.identification.started',
    incident,
    sequence: incident.sequence,
    atMs: input.nowMs,
    report: {
      rule: { id: episode.ruleId, title: incident.title, revision: episode.ruleRev },
      summary: null,
      runbook: null,
      value: episode.value,
      threshold: 'at_least 1',
      window: '5m',
      group: episode.group,
      matches: episode.matches,
      startMs: episode.startMs,
      endMs: episode.endMs,
      firstEvent: input.evidence.get(episode.firstRef) ?? null,
      lastEvent: null,
      graylogUrl: null,
      change: null,
    },
  }
}
