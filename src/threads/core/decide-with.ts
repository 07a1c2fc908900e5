import { deliveriesFor } from '../../alerting/receivers/webhook/deliveries.ts'
import { createDecide } from '../../incidents/decide.ts'
import { openKeyOf } from '../../incidents/dedup.ts'
import { DEFAULT_POLICY } from '../../incidents/policy.ts'
import type { RuleInfo } from '../../incidents/rule-info.ts'
import type { Decide, OpenKeyOf } from '../../model/commit.ts'
import { formatDuration } from '../../model/duration.ts'
import type { Mode } from '../../model/episode.ts'
import type { Rule } from '../../rules/rule.ts'
import type { Routing } from '../messages.ts'
import { DROPPED_RULE, DROPPED_RULE_ID } from './dropped.ts'
import { BROKEN_RULE, BROKEN_RULE_ID } from './broken-invariant.ts'
import { GAP_RULES } from './gaps.ts'
import { DOWN_RULE, DOWN_RULE_ID } from './input-gaps.ts'
import { LATE_RULE, LATE_RULE_ID } from './late-share.ts'
import type { LoadedRules } from './loaded-rules.ts'
import { SILENT_RULE, SILENT_RULE_ID } from './silent-inputs.ts'

/** What Tocsin says of itself. */
const BUILT_IN: ReadonlyMap<string, RuleInfo> = new Map([
  ...Object.entries(GAP_RULES),
  [LATE_RULE_ID, LATE_RULE],
  [DROPPED_RULE_ID, DROPPED_RULE],
  [BROKEN_RULE_ID, BROKEN_RULE],
  [DOWN_RULE_ID, DOWN_RULE],
  [SILENT_RULE_ID, SILENT_RULE],
])

/** DECIDE as the core calls it, over the rules and the routing that are in force. */
export interface Decisions {
  readonly decide: Decide
  readonly openKeyOf: OpenKeyOf
  setRules(rules: LoadedRules): void
  setRouting(routing: Routing): void
}

/** Joins incidents and alerting: what an episode becomes, and who is told. */
export function decideWith(initial: Routing): Decisions {
  let routing = initial
  let rules: LoadedRules | undefined
  let previous: LoadedRules | undefined
  // A rule that was just removed still has episodes to settle.
  const ruleOf = (id: string): Rule | undefined => rules?.rule(id) ?? previous?.rule(id)
  const keys = openKeyOf((id): Mode => (ruleOf(id)?.mode === 'shadow' ? 'shadow' : 'real'))
  let decide = newDecide()

  function newDecide(): Decide {
    const { receivers, procedure, baseUrl, graylogUrl } = routing
    // One value per rule: the templates compiled for it are found again by identity.
    const infos = new WeakMap<Rule, RuleInfo>()
    const infoOf = (rule: Rule): RuleInfo => {
      const info = infos.get(rule) ?? ruleInfo(rule, graylogUrl)
      infos.set(rule, info)
      return info
    }
    return createDecide({
      policy: { ...DEFAULT_POLICY, procedures: procedure },
      ruleInfo: (id) => {
        const builtIn = BUILT_IN.get(id)
        if (builtIn !== undefined) return builtIn
        const rule = ruleOf(id)
        return rule === undefined ? undefined : infoOf(rule)
      },
      openKeyOf: keys,
      deliveriesFor: (event) => deliveriesFor(event, receivers, { source: baseUrl, baseUrl }),
    })
  }

  return {
    decide: (input) => decide(input),
    openKeyOf: keys,
    setRules(next) {
      previous = rules
      rules = next
    },
    setRouting(next) {
      routing = next
      decide = newDecide()
    },
  }
}

function ruleInfo(rule: Rule, graylogUrl: string | null): RuleInfo {
  const { title, labels, annotations, detector } = rule
  const isThreshold = detector.kind === 'threshold'
  return {
    title,
    labels,
    annotations,
    threshold: isThreshold ? `at_least ${detector.atLeast}` : null,
    window: isThreshold ? formatDuration(detector.withinMs) : null,
    graylogUrl: graylogUrl === null ? null : searchLink(graylogUrl, rule),
  }
}

/** Graylog's search page over the episode's time, with the rule's own query where it is one. */
function searchLink(graylogUrl: string, rule: Rule): string {
  const base = `${graylogUrl.replace(/\/$/, '')}/search?rangetype=absolute&from={{from}}&to={{to}}`
  return rule.query === null ? base : `${base}&q=${encodeURIComponent(rule.query)}`
}
