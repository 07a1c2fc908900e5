import type { Decide, OpenKeyOf } from '../model/commit.ts'
import type { IncidentEvent } from '../model/incident.ts'
import type { Delivery } from '../model/outbox.ts'
import { applyCommand } from './commands.ts'
import { Draft } from './draft.ts'
import { applyEpisodeChanges } from './episode-changes.ts'
import type { IncidentPolicy } from './policy.ts'
import type { RuleLookup } from './rule-info.ts'

export interface DecideOptions {
  readonly policy: IncidentPolicy
  readonly ruleInfo: RuleLookup
  /** The same function that the commit is given. */
  readonly openKeyOf: OpenKeyOf
  /** One delivery per receiver that is to be told; alerting decides. Pure, like everything here. */
  readonly deliveriesFor: (event: IncidentEvent) => readonly Delivery[]
}

/**
 * The fold that runs inside the commit's transaction: episode changes in their order, then human
 * commands in theirs, over the incidents concerned. Pure and total over commits: the same input
 * gives the same decision, so a retried commit decides the same (I6).
 */
export function createDecide(options: DecideOptions): Decide {
  return (input) => {
    const draft = new Draft(input, options)
    applyEpisodeChanges(draft, input)
    const results = input.commands.map((request) => applyCommand(draft, request))
    return draft.decision(results)
  }
}
