import type { Selectable } from 'kysely'
import type { Episode, EpisodeFlag, EpisodeState, Mode } from '../model/episode.ts'
import type { Group } from '../model/group.ts'
import type { Dismissal, Incident, Phase, Procedure, Signal } from '../model/incident.ts'
import type { Severity } from '../model/severity.ts'
import type { Database } from './schema.ts'

/** A row as it is read. */
export type Row<Table> = Selectable<Table>

/** The model's episode behind a row. */
export function episodeOf(row: Row<Database['episode']>): Episode {
  return {
    id: row.id,
    ruleId: row.rule_id,
    ruleRev: row.rule_rev,
    group: JSON.parse(row.group_json) as Group,
    groupKey: row.group_key,
    state: row.state as EpisodeState,
    startMs: row.start_ms,
    endMs: row.end_ms,
    matches: row.matches,
    firings: row.firings,
    peak: row.peak,
    value: row.value,
    severity: row.severity as Severity,
    openedRef: row.opened_ref,
    firstRef: row.first_ref,
    lastRef: row.last_ref,
    flags: JSON.parse(row.flags) as EpisodeFlag[],
  }
}

/** The model's incident behind a row. */
export function incidentOf(row: Row<Database['incident']>): Incident {
  return {
    id: row.id,
    number: row.number,
    openKey: row.open_key,
    dedupHash: row.dedup_hash,
    mode: row.mode as Mode,
    title: row.title,
    ruleId: row.rule_id,
    group: JSON.parse(row.group_json) as Group,
    labels: JSON.parse(row.labels) as Record<string, string>,
    severity: row.severity as Severity,
    signal: row.signal as Signal,
    phase: row.phase as Phase,
    cycle: row.cycle,
    procedure: row.procedure as Procedure,
    openedMs: row.opened_ms,
    firstEventMs: row.first_event_ms,
    signalsClearMs: row.signals_clear_ms,
    acknowledgedMs: row.acknowledged_ms,
    acknowledgedBy: row.acknowledged_by,
    closedMs: row.closed_ms,
    dismissal: row.dismissal as Dismissal | null,
    recurrenceOf: row.recurrence_of,
    sequence: row.sequence,
    version: row.version,
  }
}
