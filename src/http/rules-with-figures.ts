import type { CoreStats } from '../model/stats.ts'
import type { RuleView } from './options.ts'

export interface RuleWithFigures extends RuleView {
  readonly matches: number | null
  readonly lastMatchMs: number | null
  readonly groups: number | null
  readonly openEpisodes: number | null
  /** Records are missing, and up to here the rule may be wrong; `null` when it is not. */
  readonly warmingUntilMs: number | null
  /** Its windows may be wrong, since when and why (I13); `null` when nothing says so. */
  readonly unverified: { readonly sinceMs: number; readonly cause: string } | null
}

/** Rules joined with the core's figures; `null` where the core has not said anything yet. */
export function rulesWithFigures(
  rules: readonly RuleView[],
  stats: CoreStats | undefined,
): readonly RuleWithFigures[] {
  const figures = new Map(stats?.rules.map((each) => [each.ruleId, each]))
  return rules.map((rule) => {
    const found = figures.get(rule.id)
    return {
      ...rule,
      matches: found?.matches ?? null,
      lastMatchMs: found?.lastMatchMs ?? null,
      groups: found?.groups ?? null,
      openEpisodes: found?.openEpisodes ?? null,
      warmingUntilMs: found?.warmingUntilMs ?? null,
      unverified: found?.unverified ?? null,
    }
  })
}
