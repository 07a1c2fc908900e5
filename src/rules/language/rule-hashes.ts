import { canonicalJson, sha256Hex } from '../../lib/canonical.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { Detector, Rule } from '../rule.ts'
import { STATE_FORMAT } from '../windows/state-bytes.ts'
import { fieldsOf, withoutSpans } from './condition.ts'
import { fieldTypes } from './field-types.ts'

/** What an episode's `ruleRev` names: the whole document, in whatever order it was written. */
export function revisionOf(document: unknown): string {
  return sha256Hex(canonicalJson(document))
}

/**
 * Hash of what a rule's windows depend on (design §4.4): condition with the types of the fields it
 * reads, kind, window, groups, clock. Not the threshold, severity or texts: windows survive an edit
 * of those.
 */
export function stateHashOf(
  rule: Pick<Rule, 'condition' | 'detector' | 'groupBy' | 'clock'>,
  fields: Readonly<Record<string, FieldType>>,
): string {
  const types = fieldTypes(fields)
  const read = fieldsOf(rule.condition)
  const named = [...types].filter(([field]) => read.has(null) || read.has(field))
  return sha256Hex(
    canonicalJson({
      format: STATE_FORMAT,
      condition: withoutSpans(rule.condition),
      types: Object.fromEntries(named),
      window: windowOf(rule.detector),
      groupBy: rule.groupBy,
      clock: rule.clock,
    }),
  )
}

function windowOf(detector: Detector): unknown {
  switch (detector.kind) {
    case 'match':
      return { kind: 'match' }
    case 'threshold':
      return { kind: 'threshold', withinMs: detector.withinMs }
  }
}
