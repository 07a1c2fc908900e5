/**
 * What an incident says about the rule that fired. The composition root fills it from the active
 * rule set, so this room knows nothing of the rule language.
 */
export interface RuleInfo {
  readonly title: string
  readonly labels: Readonly<Record<string, string>>
  /** `summary` is a template (see `summary.ts`), `runbook` a link; others pass unread. */
  readonly annotations: Readonly<Record<string, string>>
  /** Such as `at_least 20`; `null` for rules without one. */
  readonly threshold: string | null
  /** Such as `5m`; `null` for rules without one. */
  readonly window: string | null
  /**
   * Template of a link to the events in Graylog. Same names as a summary, and `from` and `to` in
   * RFC 3339; every value is percent-encoded. `null` where no link is configured.
   */
  readonly graylogUrl: string | null
}

/** The rule as it is now; `undefined` once it was removed. */
export type RuleLookup = (ruleId: string) => RuleInfo | undefined
