import { derivedName } from '../lib/canonical.ts'
import type { DecideInput, StoredChange } from '../model/commit.ts'
import type { Incident } from '../model/incident.ts'
import { absorbs } from '../model/incident.ts'
import { compareSeverity } from '../model/severity.ts'
import type { Draft } from './draft.ts'
import { TOCSIN } from './draft.ts'
import { FiringCounts, isFiring } from './firing-counts.ts'
import { movePhase } from './lifecycle.ts'
import { strictestProcedure } from './policy.ts'
import { describeGroup } from './report.ts'

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
  /** Episodes of this commit that were told apart from incidents: old news, shadow. */
  readonly #setAside = new Set<string>()

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
    for (const [incidentId, stored] of this.#merged) this.#moveSignal(incidentId, stored)
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
    const isFirst = isNew(stored) && !this.#setAside.has(episode.id)
    if (!isFirst && !isFiring(stored)) return this.#disposeOfEnd(stored, null)
    if (episode.endMs >= staleMs) return this.#admit(stored)
    if (!isFirst) return
    this.#setAside.add(episode.id)
    const cause = `its last firing was more than fresh_for before it was detected`
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
    draft.speaksOf(id, episode)
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
    draft.announce(id, 'incident.identification.started')
    draft.dispose(episode.id, 'opened', id, 'no open incident had its dedup key')
    this.#counts.record(episode.id, id, isFiring(stored))
    this.#moveSignal(id, stored)
  }

  #attach(stored: StoredChange, incident: Incident): void {
    const { episode } = stored
    this.#counts.record(episode.id, incident.id, isFiring(stored))
    this.#draft.speaksOf(incident.id, episode)
    this.#line(incident.id, stored, `Another episode began with value ${episode.value}.`)
    this.#draft.dispose(
      episode.id,
      'attached',
      incident.id,
      `incident ${incident.number} is open for its dedup key`,
    )
    this.#raiseSeverity(incident.id, stored)
    this.#moveSignal(incident.id, stored)
  }

  #applyOwned(stored: StoredChange, incidentId: string): void {
    if (stored.change.change === 'merged') return this.#applyMerge(stored, incidentId)
    this.#counts.record(stored.episode.id, incidentId, isFiring(stored))
    this.#draft.speaksOf(incidentId, stored.episode)
    this.#disposeOfEnd(stored, incidentId)
    this.#raiseSeverity(incidentId, stored)
    this.#moveSignal(incidentId, stored)
  }

  #applyMerge(stored: StoredChange, incidentId: string): void {
    this.#counts.record(stored.episode.id, incidentId, false)
    this.#line(incidentId, stored, 'Two episodes turned out to be one.')
    this.#disposeOfEnd(stored, incidentId)
    this.#merged.set(incidentId, stored)
    this.#moveSurvivor(stored, incidentId)
  }

  /** The survivor of a merge lives on where people work: in the incident that still absorbs. */
  #moveSurvivor({ change }: StoredChange, incidentId: string): void {
    const incident = this.#draft.get(incidentId)
    const survivor = this.#changes.findLast(
      (other) => other.change.episode.id === change.into || other.episode.id === change.into,
    )
    if (survivor === undefined || survivor.mode !== incident.mode) return
    const id = survivor.episode.id
    const ownerId = this.#counts.ownerOf(id)
    if (ownerId === incidentId || !absorbs(incident.phase)) return
    if (ownerId !== undefined && absorbs(this.#draft.get(ownerId).phase)) return
    this.#counts.record(id, incidentId, isFiring(survivor))
    const cause = `an episode of incident ${incident.number} was merged into it`
    this.#draft.dispose(id, 'attached', incidentId, cause)
    if (ownerId !== undefined) this.#merged.set(ownerId, survivor)
  }

  /** Merged episodes and those of a removed rule end here, with or without an incident (I9). */
  #disposeOfEnd({ change, episode }: StoredChange, incidentId: string | null): void {
    if (change.change === 'merged') {
      const cause = `merged into episode ${change.into ?? '(unnamed)'}`
      this.#draft.dispose(episode.id, 'merged', incidentId, cause)
    } else if (change.cause === 'rule_removed') {
      this.#draft.dispose(episode.id, 'rule_removed', incidentId, 'its rule was removed')
    }
  }

  /** Severity only rises, and what it asks for with it. */
  #raiseSeverity(incidentId: string, stored: StoredChange): void {
    const { severity, value } = stored.episode
    const incident = this.#draft.get(incidentId)
    if (compareSeverity(severity, incident.severity) > 0) {
      const asked = this.#draft.options.policy.procedures[severity]
      this.#draft.step(
        incidentId,
        { severity, procedure: strictestProcedure(incident.procedure, asked) },
        {
          kind: 'escalated',
          actor: TOCSIN,
          text: `Severity rose from ${incident.severity} to ${severity} at value ${value}.`,
          data: factsOf(stored),
        },
      )
      const change = { field: 'severity', from: incident.severity, to: severity }
      this.#draft.announce(incidentId, 'incident.identification.updated', change)
    } else if (stored.change.change === 'escalated') {
      this.#line(incidentId, stored, `An episode reached ${severity} at value ${value}.`)
    }
  }

  /** The signal fires exactly while some episode of the incident does. */
  #moveSignal(incidentId: string, stored: StoredChange): void {
    const { signal } = this.#draft.get(incidentId)
    const firing = this.#counts.count(incidentId)
    if (signal === 'firing' && firing === 0) this.#clear(incidentId, stored)
    else if (signal === 'clear' && firing > 0) this.#refire(incidentId, stored)
    else if (stored.change.change === 'cleared') {
      this.#line(incidentId, stored, `An episode cleared; still firing: ${firing}.`)
    } else if (stored.change.change === 'refired') {
      this.#line(incidentId, stored, 'An episode fired again.')
    }
  }

  #clear(incidentId: string, stored: StoredChange): void {
    const draft = this.#draft
    const why =
      stored.change.cause === 'rule_removed'
        ? 'its rule was removed'
        : 'the last firing episode is over'
    const incident = draft.step(
      incidentId,
      { signal: 'clear', signalsClearMs: draft.nowMs },
      {
        kind: 'signals_cleared',
        actor: TOCSIN,
        text: `The signals cleared: ${why}.`,
        data: factsOf(stored),
      },
    )
    draft.announce(incidentId, 'incident.signals_cleared')
    // A person who took it further than identification also closes it.
    if (incident.procedure === 'record' && incident.phase === 'identification') {
      movePhase(draft, incident, { to: 'closed', actor: TOCSIN, reason: 'the signals cleared' })
    }
  }

  #refire(incidentId: string, stored: StoredChange): void {
    this.#draft.step(
      incidentId,
      { signal: 'firing', signalsClearMs: null },
      {
        kind: 'refired',
        actor: TOCSIN,
        text: `It fires again, with value ${stored.episode.value}.`,
        data: factsOf(stored),
      },
    )
    this.#draft.announce(incidentId, 'incident.refired')
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

function factsOf({ change, episode }: StoredChange): Record<string, unknown> {
  return {
    episodeId: episode.id,
    atMs: change.atMs,
    value: episode.value,
    matches: episode.matches,
    severity: episode.severity,
  }
}
