import type { Incident, Phase, TimelineEntry } from '../model/incident.ts'
import { PHASES } from '../model/incident.ts'

/**
 * How long an incident took (`reference/incidents-slo.md` §3.8). Milliseconds; `null` while an end
 * is not known: not reached yet, passed over by a shortcut, or measured by a clock that ran ahead.
 */
export interface IncidentTimes {
  /**
   * From the first matching event to the opening. The start of the harm itself is not known yet,
   * so this is also the delay of the pipeline.
   */
  readonly detectMs: number | null
  /** From here on since the opening. To the first receiver that took the urgent webhook. */
  readonly notifyMs: number | null
  readonly acknowledgeMs: number | null
  /** To the end of containment. */
  readonly containMs: number | null
  /** To the end of eradication. */
  readonly eradicateMs: number | null
  /** To the end of recovery. */
  readonly recoverMs: number | null
  /** To the end by `closed` or `dismissed`. */
  readonly closeMs: number | null
}

/** What is left out of the sums of many incidents is counted beside them. */
export interface TimeSummary {
  readonly count: number
  /** Incidents whose time is not known; in none of the figures. */
  readonly unknown: number
  readonly meanMs: number | null
  readonly medianMs: number | null
  readonly p90Ms: number | null
}

/**
 * The times of one incident, from its row and its timeline. An incident that went back to a phase
 * has not ended that phase until it leaves it again.
 *
 * `firstDeliveredMs` is when the first receiver answered 2xx to `identification.started`.
 */
export function incidentTimes(
  incident: Incident,
  timeline: readonly TimelineEntry[],
  firstDeliveredMs: number | null,
): IncidentTimes {
  const ended = phaseEnds(incident.id, timeline)
  const since = (endMs: number | null | undefined) => span(incident.openedMs, endMs)
  return {
    detectMs: span(incident.firstEventMs, incident.openedMs),
    notifyMs: since(firstDeliveredMs),
    acknowledgeMs: since(incident.acknowledgedMs),
    containMs: since(ended.get('containment')),
    eradicateMs: since(ended.get('eradication')),
    recoverMs: since(ended.get('recovery')),
    closeMs: since(incident.closedMs),
  }
}

/**
 * Mean, median and 90th percentile (nearest rank) of the known times. Drills and real incidents
 * are never mixed: give one kind at a time.
 */
export function summariseTimes(times: readonly (number | null)[]): TimeSummary {
  const known = times.filter((ms) => ms !== null).sort((a, b) => a - b)
  const rank = (share: number) => known[Math.ceil(share * known.length) - 1] ?? null
  const sum = known.reduce((total, ms) => total + ms, 0)
  return {
    count: known.length,
    unknown: times.length - known.length,
    meanMs: known.length === 0 ? null : sum / known.length,
    medianMs: rank(0.5),
    p90Ms: rank(0.9),
  }
}

/** When each phase was left forward for the last time, if it was not entered again since. */
function phaseEnds(
  incidentId: string,
  timeline: readonly TimelineEntry[],
): ReadonlyMap<Phase, number> {
  const ends = new Map<Phase, number>()
  for (const line of timeline) {
    if (line.incidentId !== incidentId || line.kind !== 'phase_changed') continue
    const from = indexOf(line.data?.['from'])
    const to = indexOf(line.data?.['to'])
    if (to > from && from >= 0) ends.set(PHASES[from]!, line.atMs)
    for (const again of PHASES.slice(Math.max(0, to))) if (to < from) ends.delete(again)
  }
  return ends
}

function indexOf(phase: unknown): number {
  return PHASES.findIndex((known) => known === phase)
}

function span(fromMs: number, toMs: number | null | undefined): number | null {
  if (toMs === null || toMs === undefined || toMs < fromMs) return null
  return toMs - fromMs
}
