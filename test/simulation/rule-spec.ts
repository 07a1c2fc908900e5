/**
 * A rule of the simulated world twice: as the YAML that the real code compiles, and as what it
 * means, which the oracle reads. The two are written side by side and share no code with src/.
 */
export interface RuleSpec {
  readonly id: string
  readonly title: string
  readonly severity: 'low' | 'medium' | 'high'
  /** Input names; empty means every input. */
  readonly inputs: readonly string[]
  /** The field `kind` must have this value. */
  readonly kind: string
  /** The number `code` must be at least this; `null` asks nothing. */
  readonly codeAtLeast: number | null
  readonly groupBy: readonly string[]
  /** `null`: every match fires. */
  readonly threshold: { readonly atLeast: number; readonly withinMs: number } | null
  readonly critical: number | null
  readonly lateByMs: number
  readonly quietMs: number
  readonly clock: 'event' | 'received'
  readonly isShadow: boolean
}

export interface InputSpec {
  readonly name: string
  readonly reorderMs: number
  readonly idleAfterMs: number
}

/** The rules of one moment. */
export interface RulesSpec {
  readonly inputs: readonly InputSpec[]
  readonly rules: readonly RuleSpec[]
}

export const SLO_ID = 'answers'

export type Fields = Readonly<Record<string, string | number>>

export function satisfies(rule: RuleSpec, input: string, fields: Fields): boolean {
  if (rule.inputs.length > 0 && !rule.inputs.includes(input)) return false
  if (fields['kind'] !== rule.kind) return false
  return rule.codeAtLeast === null || Number(fields['code'] ?? -1) >= rule.codeAtLeast
}

export function yamlOf({ rules }: RulesSpec): string {
  return [...rules.map(ruleYaml), SLO_YAML].join('---\n')
}

const SLO_YAML = `slo: ${SLO_ID}
title: Answers without an error
service: simulated
objective: 99%
period: { rolling: 1d }
total: _exists_:code
bad: code:[500 TO 599]
min_events: 1
`

function ruleYaml(rule: RuleSpec): string {
  const { threshold, critical } = rule
  const lines = [
    `rule: ${rule.id}`,
    `title: ${rule.title}`,
    `severity: ${rule.severity}`,
    ...(rule.inputs.length > 0 ? [`from: [${rule.inputs.join(', ')}]`] : []),
    `where: kind:${rule.kind}${rule.codeAtLeast === null ? '' : ` AND code:>=${rule.codeAtLeast}`}`,
    ...(rule.groupBy.length > 0 ? [`group_by: [${rule.groupBy.join(', ')}]`] : []),
    threshold === null
      ? 'match: {}'
      : `threshold: { at_least: ${threshold.atLeast}, within: ${threshold.withinMs}ms }`,
    ...(critical === null ? [] : [`escalate: [{ at_least: ${critical}, severity: critical }]`]),
    `late_by: ${rule.lateByMs}ms`,
    `clear: { quiet_for: ${rule.quietMs}ms }`,
    ...(rule.clock === 'received' ? ['clock: received'] : []),
    ...(rule.isShadow ? ['mode: shadow'] : []),
  ]
  return `${lines.join('\n')}\n`
}
