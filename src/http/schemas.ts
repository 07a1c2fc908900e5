import { z } from 'zod'
import { DISPOSITIONS } from '../model/episode.ts'
import { DISMISSALS, PHASES } from '../model/incident.ts'
import { INPUT_STATES } from './input-rates.ts'
import { GAP_REASONS } from './read-model.ts'
import { SEVERITIES } from '../model/severity.ts'

/**
 * The wire shapes of the API. What is not named here does not leave: the serializer drops it.
 * Times are integer milliseconds UTC.
 */
export const apiSchemas = z.registry<{ id: string; description?: string }>()

const ms = z.int()
const text = z.string()
const count = z.int().min(0)
const names = z.record(z.string(), z.string())
export const phase = z.enum([...PHASES, 'dismissed', 'merged'])
export const severity = z.enum(SEVERITIES)
export const deliveryState = z.enum(['pending', 'delivered', 'dead'])
const mode = z.enum(['real', 'drill', 'shadow'])

export const incidentSchema = named(
  'Incident',
  z.object({
    id: text,
    number: count,
    mode,
    title: text,
    ruleId: text,
    group: names,
    labels: names,
    severity,
    signal: z.enum(['firing', 'clear']),
    phase,
    cycle: count,
    procedure: z.enum(['full', 'light', 'record']),
    openedMs: ms,
    firstEventMs: ms,
    signalsClearMs: ms.nullable(),
    acknowledgedMs: ms.nullable(),
    acknowledgedBy: text.nullable(),
    closedMs: ms.nullable(),
    dismissal: z.enum(DISMISSALS).nullable(),
    recurrenceOf: text.nullable(),
    sequence: count,
    version: count,
  }),
)

export const episodeSchema = named(
  'Episode',
  z.object({
    id: text,
    ruleId: text,
    ruleRev: text,
    group: names,
    state: z.enum(['open', 'cleared', 'settled']),
    startMs: ms,
    endMs: ms,
    matches: count,
    firings: count,
    peak: z.number(),
    value: z.number(),
    severity,
    firstRef: text,
    lastRef: text,
    flags: list(z.enum(['approximate', 'capped'])),
    disposition: z.enum(DISPOSITIONS).nullable(),
    incidentId: text.nullable(),
    isRecomputed: z.boolean(),
    lateMatches: count,
  }),
)

export const deliverySchema = named(
  'Delivery',
  z.object({
    id: text,
    receiver: text,
    incidentId: text,
    type: text,
    sequence: count,
    state: deliveryState,
    attempts: count,
    createdMs: ms,
    nextMs: ms.nullable(),
    lastStatus: z.int().nullable(),
    lastReason: text.nullable(),
    lastDetail: text.nullable(),
  }),
)

const timelineSchema = named(
  'TimelineEntry',
  z.object({
    atMs: ms,
    kind: text,
    actor: text,
    text,
    data: z.record(z.string(), z.unknown()).optional(),
  }),
)

export const incidentDetailSchema = named(
  'IncidentDetail',
  z.object({
    incident: incidentSchema,
    timeline: list(timelineSchema),
    episodes: list(episodeSchema),
    deliveries: list(deliverySchema),
    report: z.unknown(),
  }),
)

export const checkProblemSchema = named(
  'CheckProblem',
  z.object({
    code: text,
    severity: z.enum(['error', 'warning']),
    message: text,
    file: text.optional(),
    line: count.optional(),
    column: count.optional(),
  }),
)

export const rulesetSchema = named(
  'Ruleset',
  z.object({
    hash: text,
    /** Of a rules folder that is a git checkout; else `null`. */
    origin: z
      .object({
        commit: text,
        /** A rule is there that is not as committed. */
        isDirty: z.boolean(),
        /** As the commit's message says. */
        pullRequest: count.nullable(),
        approver: text.nullable(),
      })
      .nullable(),
  }),
)

export const reloadSchema = named(
  'Reload',
  z.object({
    atMs: ms,
    ruleset: text,
    /** Rules whose state was rebuilt from the journal. */
    rules: list(text),
    records: count,
    /** Records that the journal no longer held. */
    missing: count,
    warming: list(z.object({ ruleId: text, untilMs: ms })),
    /** Unsettled episodes, against those that the rules had before. */
    episodes: z.object({ gained: count, lost: count, moved: count, same: count }),
  }),
)

export const ruleSchema = named(
  'Rule',
  z.object({
    id: text,
    title: text,
    severity,
    mode: z.enum(['active', 'shadow']),
    file: text,
    line: count,
    problems: list(checkProblemSchema),
    /** Since the process started; `null` before the core's first figures. */
    matches: count.nullable(),
    lastMatchMs: ms.nullable(),
    groups: count.nullable(),
    openEpisodes: count.nullable(),
    /** Until then the rule may miss what the journal no longer held when it was edited. */
    warmingUntilMs: ms.nullable(),
    /** Its windows may be wrong: until they are built anew, or somebody vouches for them. */
    unverified: z.object({ sinceMs: ms, cause: text }).nullable(),
  }),
)

export const ledgerSchema = named(
  'Ledger',
  z.object({
    hourMs: ms,
    class: z.enum(['episode', 'below', 'skipped']),
    reason: z.enum(['late', 'idle', 'missing_group', 'inactive', 'cap', 'quarantined']).nullable(),
    count,
  }),
)

export const inputSchema = named(
  'Input',
  z.object({
    input: text,
    partition: text,
    evaluated: count,
    backlog: count,
    /** Over the last minute; `null` until two samples are there. */
    ratePerSecond: z.number().nullable(),
    lastReceivedMs: ms.nullable(),
    watermarkMs: ms.nullable(),
    watermarkQuality: z.enum(['witnessed', 'assumed']).nullable(),
    state: z.enum(INPUT_STATES),
    /** No sender is connected since then; `null` when one is, or senders hold no connections. */
    disconnectedSinceMs: ms.nullable(),
    /** Nothing has come since then, for longer than `silent_after`. */
    silentSinceMs: ms.nullable(),
  }),
)

export const gapSchema = named(
  'Gap',
  z.object({
    input: text,
    partition: text,
    reason: z.enum(GAP_REASONS),
    /** Of a hole of the journal: when it was found. */
    fromMs: ms,
    /** `null` while it lasts. */
    toMs: ms.nullable(),
    /** Known to be missing; 0 where nobody knows whether there were any. */
    records: count,
    fromPosition: count,
    toPosition: count,
  }),
)

export const sloSchema = named(
  'Slo',
  z.object({
    slo: text,
    service: text,
    target: z.number(),
    window: text,
    totals: z.object({ good: count, bad: count }),
    sli: z.number().nullable(),
    budgetRemaining: z.number().nullable(),
    burnRates: list(z.object({ window: text, rate: z.number().nullable() })),
  }),
)

export const commandAnswerSchema = named(
  'CommandAnswer',
  z.object({ id: text, incidentId: text, version: count }),
)

export const problemSchema = named(
  'Problem',
  z.object({
    type: text,
    title: text,
    status: z.int(),
    detail: text,
    instance: text,
    errors: list(z.object({ in: text, path: text, message: text })).optional(),
  }),
)

/** A list that neither the model nor the answer changes. */
export function list<T extends z.ZodType>(item: T) {
  return z.array(item).readonly()
}

/** Newest first; `next` goes into `cursor` of the next request, `null` on the last page. */
export function page<T extends z.ZodType>(item: T) {
  return z.object({ items: list(item), next: z.string().nullable() })
}

function named<T extends z.ZodType>(id: string, schema: T): T {
  apiSchemas.add(schema, { id })
  return schema
}
