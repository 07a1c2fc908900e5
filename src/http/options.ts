import type { Clock, Timers } from '../lib/clock.ts'
import type { CommandRequest, CommandResult } from '../model/command.ts'
import type { Report } from '../model/occurrence.ts'
import type { Problem } from '../model/problem.ts'
import type { ActiveRuleset } from '../model/ruleset.ts'
import type { Severity } from '../model/severity.ts'
import type { CoreStats } from '../model/stats.ts'
import type { SloFigures } from '../telemetry/slo-exposition.ts'
import type { ReadModel } from './read-model.ts'
import type { Listen } from './settings.ts'
import type { ApiToken } from './tokens.ts'

/** Everything the HTTP side needs; it reads and asks, and changes nothing itself. */
export interface HttpOptions {
  /** From `accessSettings`; port 0 takes any free one. */
  readonly listen: Listen
  readonly tokens: readonly ApiToken[]
  readonly page: 'public' | 'token'
  readonly metricsPublic: boolean
  readonly readModel: ReadModel
  /** Answers once the commit that holds the command returned. */
  readonly command: (request: CommandRequest) => Promise<CommandResult>
  /** Somebody vouches for an unverified rule; `false` when the core does not know it as one. */
  readonly confirm: (request: {
    readonly id: string
    readonly ruleId: string
    readonly actor: string
  }) => Promise<boolean>
  readonly stats: () => CoreStats | undefined
  readonly rules: () => readonly RuleView[]
  /** The rule set that the core evaluates; `undefined` before the first. */
  readonly ruleset: () => ActiveRuleset | undefined
  /** Of the last refused reload; empty when the last one was taken. */
  readonly problems: () => readonly Problem[]
  readonly slo: () => Promise<readonly SloFigures[]>
  readonly metrics: () => Promise<string>
  readonly sloMetrics: () => Promise<string>
  readonly ready: () => {
    readonly ready: boolean
    readonly reasons: readonly string[]
    /** What works, but may not be right. */
    readonly warnings: readonly string[]
  }
  readonly report: Report
  readonly clock: Clock
  /** For the rates of the inputs, sampled every few seconds. */
  readonly timers: Timers
  /** Ids of commands and requests: unguessable and unique. */
  readonly newId: () => string
  readonly version: string
}

/** A rule as people look at it; what it did comes from the core's figures. */
export interface RuleView {
  readonly id: string
  readonly title: string
  readonly severity: Severity
  readonly mode: 'active' | 'shadow'
  readonly file: string
  readonly line: number
  /** Warnings of the checker; a rule with an error is never active. */
  readonly problems: readonly Problem[]
}
