import { derivedName } from '../lib/canonical.ts'
import type { DecideInput, StoredChange } from '../model/commit.ts'
import type { Incident } from '../model/incident.ts'
import { absorbs, isEnded } from '../model/incident.ts'
import type { Draft } from './draft.ts'
import { TOCSIN } from './draft.ts'
import { FiringCounts, isFiring, isMergedAway } from './firing-counts.ts'
import { describeGroup } from './report.ts'
import { factsOf, moveSignal, raiseSeverity } from './signal.ts'

/**
 * Folds the episode changes of one commit, in their order, into the incidents: dedup, freshness,
 * shadow, severity, signal. Phases are left alone, save that a `record` incident closes itself.
 */
export function applyEpisodeChanges(draft: Draft, input: DecideInput): void {
  const fold = new EpisodeFold(draft, input)
  for (const stored of input.changes) fold.apply(stored)
  fold.end()
}

class EpisodeFold {
  readonly #draft: Draft
  readonly #changes: readonly StoredChange[]
  readonly #counts: FiringCounts
  /** Incidents that lost an episode to a merge: its survivor may take over later in the commit. */
  readonly #merged = new Map<string, StoredChange>()

  constructor(draft: Draft, input: DecideInput) {
    this.#draft = draft
    this.#changes = input.changes
    this.#counts = new FiringCounts(input)
  }

  apply(stored: StoredChange): void {
    if (stored.mode === 'shadow') return this.#applyShadow(stored)
    const incidentId = this.#counts.ownerOf(stored.episode.id)
    if (incidentId === undefined) this.#applyUnowned(stored)
    else this.#applyOwned(stored, incidentId)
  }

  end(): void {
    for (const [incidentId, stored] of this.#merged) {
      moveSignal(this.#draft, incidentId, this.#counts.count(incidentId), stored)
    }
  }

  /** A shadow rule is watched, never heard: no incident, nothing leaves. */
  #applyShadow(stored: StoredChange): void {
    const { id } = stored.episode
    if (isNew(stored)) this.#draft.dispose(id, 'shadow', null, 'the rule is in shadow mode')
    else this.#disposeOfEnd(stored, null)
  }

  /**
   * An episode without an incident: a new one, or old news. Old news that goes on until it is
   * current is an outage that goes on, so it opens an incident then.
   */
  #applyUnowned(stored: StoredChange): void {
    const { episode } = stored
    const staleMs = this.#draft.nowMs - this.#draft.options.policy.freshForMs
    if (!isNew(stored) && !isFiring(stored)) return this.#disposeOfEnd(stored, null)
    if (episode.endMs >= staleMs) return this.#admit(stored)
    if (!isNew(stored)) return
    const cause = 'its last firing was more than fresh_for before it was detected'
    this.#draft.dispose(episode.id, 'old_news', null, cause)
  }

  #admit(stored: StoredChange): void {
    const { openKey } = this.#draft.options.openKeyOf(stored.change)
    const incident = this.#draft.absorbing(openKey)
    if (incident === undefined) this.#open(stored)
    else this.#attach(stored, incident)
  }

  #open(stored: StoredChange): void {
    const draft = this.#draft
    const { episode, change, mode } = stored
    const { openKey, dedupHash } = draft.options.openKeyOf(change)
    const rule = draft.options.ruleInfo(episode.ruleId)
    const previous = draft.previous(dedupHash)
    const id = derivedName('incident', episode.id)
    const where = describeGroup(episode.group)
    const recurrence = previous === undefined ? '' : `, again after incident ${previous.number}`
    draft.remember(id, episode)
    draft.open(
      {
        id,
        openKey,
        dedupHash,
        mode,
        title: rule?.title ?? episode.ruleId,
        ruleId: episode.ruleId,
        group: episode.group,
        labels: rule?.labels ?? {},
        severity: episode.severity,
        signal: 'firing',
        phase: 'identification',
        cycle: 0,
        procedure: draft.options.policy.procedures[episode.severity],
        openedMs: draft.nowMs,
        firstEventMs: draft.firstEventMs(episode),
        signalsClearMs: null,
        acknowledgedMs: null,
        acknowledgedBy: null,
        closedMs: null,
        dismissal: null,
        recurrenceOf: previous?.id ?? null,
      },
      {
        kind: 'opened',
        actor: TOCSIN,
        text: `Rule ${episode.ruleId} fired${where === '' ? '' : ` for ${where}`} with value ${episode.value}${recurrence}.`,
        data: factsOf(stored),
      },
    )
    draft.announce(id, 'incident.identification.started', { episode })
    draft.dispose(episode.id, 'opened', id, 'no open incident had its dedup key')
    this.#counts.record(episode.id, id, isFiring(stored))
    this.#moveSignal(id, stored)
  }

  #attach(stored: StoredChange, incident: Incident): void {
    const { episode } = stored
    this.#counts.record(episode.id, incident.id, isFiring(stored))
    this.#draft.remember(incident.id, episode)
    this.#line(incident.id, stored, `Another episode began with value ${episode.value}.`)
    this.#draft.dispose(
      episode.id,
      'attached',
      incident.id,
      `incident ${incident.number} is open for its dedup key`,
    )
    raiseSeverity(this.#draft, incident.id, stored)
    this.#moveSignal(incident.id, stored)
  }

  #applyOwned(stored: StoredChange, incidentId: string): void {
    if (isMergedAway(stored)) return this.#applyMerge(stored, incidentId)
    this.#counts.record(stored.episode.id, incidentId, isFiring(stored))
    this.#draft.remember(incidentId, stored.episode)
    this.#disposeOfEnd(stored, incidentId)
    raiseSeverity(this.#draft, incidentId, stored)
    this.#moveSignal(incidentId, stored)
  }

  #applyMerge(stored: StoredChange, incidentId: string): void {
    this.#counts.record(stored.episode.id, incidentId, false)
    this.#line(incidentId, stored, 'Two episodes turned out to be one.')
    this.#disposeOfEnd(stored, incidentId)
    this.#merged.set(incidentId, stored)
    this.#moveSurvivor(stored, incidentId)
  }

  /**
   * The survivor of a merge lives on where people work: it leaves an incident that has ended, or
   * was old news until now, for the absorbing incident of the episode that was merged into it.
   */
  #moveSurvivor({ change }: StoredChange, incidentId: string): void {
    const incident = this.#draft.get(incidentId)
    const survivor = this.#changes.findLast(
      (other) => other.change.episode.id === change.into || other.episode.id === change.into,
    )
    if (survivor === undefined || survivor.mode !== incident.mode) return
    const { id } = survivor.episode
    const ownerId = this.#counts.ownerOf(id)
    if (ownerId === incidentId || !absorbs(incident.phase)) return
    if (ownerId !== undefined) {
      if (!isEnded(this.#draft.get(ownerId).phase)) return
      this.#line(ownerId, survivor, `Its episode goes on in incident ${incident.number}.`)
      this.#merged.set(ownerId, survivor)
    }
    this.#counts.record(id, incidentId, isFiring(survivor))
    const cause = `an episode of incident ${incident.number} was merged into it`
    this.#draft.dispose(id, 'attached', incidentId, cause)
  }

  /** Merged episodes and those of a removed rule end here, with or without an incident (I9). */
  #disposeOfEnd(stored: StoredChange, incidentId: string | null): void {
    const { change, episode } = stored
    if (isMergedAway(stored)) {
      const cause = `merged into episode ${change.into ?? '(unnamed)'}`
      this.#draft.dispose(episode.id, 'merged', incidentId, cause)
    } else if (change.cause === 'rule_removed') {
      this.#draft.dispose(episode.id, 'rule_removed', incidentId, 'its rule was removed')
    }
  }

  #moveSignal(incidentId: string, stored: StoredChange): void {
    const firing = this.#counts.count(incidentId)
    const moved = moveSignal(this.#draft, incidentId, firing, stored)
    if (moved) return
    if (stored.change.change === 'cleared') {
      this.#line(incidentId, stored, `An episode cleared; still firing: ${firing}.`)
    } else if (stored.change.change === 'refired') {
      this.#line(incidentId, stored, 'An episode fired again.')
    }
  }

  #line(incidentId: string, stored: StoredChange, text: string): void {
    const line = { kind: 'episode', actor: TOCSIN, text, data: factsOf(stored) } as const
    this.#draft.step(incidentId, {}, line)
  }
}

/** Whether the row was inserted by this change. */
function isNew({ change, adopted }: StoredChange): boolean {
  return change.change === 'opened' && !adopted
}
