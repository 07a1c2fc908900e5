import type { Episode } from '../model/episode.ts'
import type { EventSample } from '../model/event.ts'
import type { Group } from '../model/group.ts'
import type { IncidentReport } from '../model/incident.ts'
import type { RuleInfo } from './rule-info.ts'
import type { Template } from './summary.ts'
import { compileTemplate, groupValues } from './summary.ts'

/** Templates of one rule set, compiled at first use; they go when their rule set goes. */
const compiled = new WeakMap<RuleInfo, { summary: Template | null; graylogUrl: Template | null }>()

/**
 * The core report of an incident: what fired and why (design §6). A rule that was removed leaves
 * what its episode and its incident still know.
 */
export function reportOf(about: {
  readonly episode: Episode
  readonly title: string
  readonly rule: RuleInfo | undefined
  readonly evidence: ReadonlyMap<string, EventSample>
  readonly change: IncidentReport['change']
}): IncidentReport {
  const { episode, rule, evidence } = about
  const firstEvent = evidence.get(episode.firstRef) ?? null
  const templates = rule === undefined ? undefined : templatesOf(rule)
  const values = new Map<string, string | number>([
    ['value', episode.value],
    ['matches', episode.matches],
    ['severity', episode.severity],
    ['rule.id', episode.ruleId],
    ['rule.title', rule?.title ?? about.title],
    ['rule.revision', episode.ruleRev],
    ['from', fullSecond(Math.min(firstEvent?.timeMs ?? episode.startMs, episode.startMs))],
    ['to', fullSecond(episode.endMs + 1_000)],
    ...groupValues(episode.group),
  ])
  if (rule?.window != null) values.set('window', rule.window)
  if (rule?.threshold != null) values.set('threshold', rule.threshold)
  return {
    rule: { id: episode.ruleId, title: rule?.title ?? about.title, revision: episode.ruleRev },
    summary: rendered(templates?.summary, values),
    runbook: rule?.annotations['runbook'] ?? null,
    value: episode.value,
    threshold: rule?.threshold ?? null,
    window: rule?.window ?? null,
    group: episode.group,
    matches: episode.matches,
    startMs: episode.startMs,
    endMs: episode.endMs,
    firstEvent,
    lastEvent: evidence.get(episode.lastRef) ?? null,
    graylogUrl: rendered(templates?.graylogUrl, values, encodeURIComponent),
    change: about.change,
  }
}

/** `region=eu, host=web-1` for sentences, at most 200 characters; empty without a group. */
export function describeGroup(group: Group): string {
  const text = Object.entries(group)
    .map(([field, value]) => `${field}=${value}`)
    .join(', ')
  return text.length > 200 ? `${text.slice(0, 199)}…`.toWellFormed() : text
}

function templatesOf(rule: RuleInfo): { summary: Template | null; graylogUrl: Template | null } {
  let templates = compiled.get(rule)
  if (templates === undefined) {
    const summary = rule.annotations['summary']
    templates = {
      summary: summary === undefined ? null : compileTemplate(summary),
      graylogUrl: rule.graylogUrl === null ? null : compileTemplate(rule.graylogUrl),
    }
    compiled.set(rule, templates)
  }
  return templates
}

/**
 * A template is checked when its rule is loaded; one that got here unchecked says so in its place
 * rather than keep an incident from opening.
 */
function rendered(
  template: Template | null | undefined,
  values: ReadonlyMap<string, string | number>,
  escape?: (text: string) => string,
): string | null {
  if (template === null || template === undefined) return null
  if (!template.ok) return `(not shown: ${template.problems[0]?.message ?? 'unreadable template'})`
  return template.render(values, escape)
}

/** RFC 3339 in whole seconds: rounded out, so that a link over one event still shows it. */
function fullSecond(ms: number): string {
  return new Date(Math.floor(ms / 1_000) * 1_000).toISOString()
}
