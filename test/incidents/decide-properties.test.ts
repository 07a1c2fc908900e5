import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { TRANSITIONS } from '../../src/incidents/lifecycle.ts'
import type { CommandRequest, IncidentCommand } from '../../src/model/command.ts'
import type { Episode, EpisodeChange } from '../../src/model/episode.ts'
import type { Incident } from '../../src/model/incident.ts'
import { absorbs, PHASES } from '../../src/model/incident.ts'
import type { Severity } from '../../src/model/severity.ts'
import { SEVERITIES } from '../../src/model/severity.ts'
import { change, createStore, episode, HOUR, MINUTE, NOW, RULE } from './builders.ts'
import type { MemoryStore } from './memory-store.ts'

/** What an engine says; what it applies to is chosen by number among the episodes that live. */
type EpisodeStep =
  | {
      readonly do: 'open'
      readonly rule: number
      readonly severity: Severity
      readonly ageMs: number
    }
  | {
      readonly do: 'change' | 'escalate' | 'toggle' | 'settle' | 'remove' | 'adopt'
      readonly pick: number
    }
  | { readonly do: 'merge'; readonly pick: number; readonly into: number }

/** What a person asks, of one of the incidents there are. */
type AskStep =
  | { readonly ask: 'acknowledge' | 'note'; readonly pick: number; readonly version: boolean }
  | {
      readonly ask: 'advance'
      readonly pick: number
      /** Index of a phase; `null` is the next one. */
      readonly to: number | null
      readonly reason: boolean
    }
  | { readonly ask: 'dismiss'; readonly pick: number; readonly reason: boolean }

type Step = EpisodeStep | AskStep

const RULES = ['checkout', 'logins', 'shadow-disk'] as const
const pick = fc.nat({ max: 20 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('open'),
      rule: fc.nat({ max: RULES.length - 1 }),
      severity: fc.constantFrom(...SEVERITIES),
      ageMs: fc.constantFrom(0, MINUTE, HOUR, 3 * HOUR),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('change', 'escalate', 'toggle', 'toggle', 'settle', 'remove', 'adopt'),
      pick,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('merge'), pick, into: pick }) },
  {
    weight: 3,
    arbitrary: fc.record({
      ask: fc.constantFrom('acknowledge', 'acknowledge', 'note'),
      pick,
      version: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      ask: fc.constant('advance'),
      pick,
      to: fc.option(fc.nat({ max: PHASES.length - 1 }), { freq: 2 }),
      reason: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ ask: fc.constant('dismiss'), pick, reason: fc.boolean() }) },
)
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), {
  maxLength: 25,
  size: 'max',
})

/** Turns steps into what an engine and people could really say, and commits them. */
class World {
  readonly store: MemoryStore = createStore({ checkout: RULE, logins: { ...RULE, window: null } })
  readonly #live: Episode[] = []
  #nowMs = NOW
  #opened = 0
  #asked = 0

  /** `isSplit`: each change and each command in a commit of its own, at the same time. */
  commit(steps: readonly Step[], isSplit = false): void {
    this.#nowMs += MINUTE
    const changes: EpisodeChange[] = []
    const commands: CommandRequest[] = []
    for (const each of steps) {
      if ('do' in each) changes.push(...this.#changes(each))
      else commands.push(...this.#commands(each))
    }
    const nowMs = this.#nowMs
    if (isSplit) {
      for (const each of changes) this.store.commit({ nowMs, changes: [each] })
      for (const each of commands) this.store.commit({ nowMs, commands: [each] })
    } else this.store.commit({ nowMs, changes, commands })
  }

  #changes(each: EpisodeStep): EpisodeChange[] {
    if (each.do === 'open') return [this.#open(each)]
    if (this.#live.length === 0) return []
    if (each.do === 'merge') return this.#merge(each.pick, each.into)
    const current = this.#live[each.pick % this.#live.length]!
    const isOpen = current.state === 'open'
    if (each.do === 'adopt') {
      return [this.#say('opened', { ...current, state: 'open', endMs: this.#nowMs })]
    }
    if (each.do === 'toggle') {
      return isOpen
        ? [this.#say('cleared', { ...current, state: 'cleared' })]
        : [this.#say('refired', { ...current, state: 'open' })]
    }
    if (each.do === 'change') {
      const next = { ...current, endMs: this.#nowMs, value: current.value + 1 }
      return isOpen ? [this.#say('changed', next)] : []
    }
    if (each.do === 'escalate') {
      const next = { ...current, severity: nextSeverity(current.severity) }
      return isOpen ? [this.#say('escalated', next)] : []
    }
    if (each.do === 'settle' && isOpen) return []
    this.#forget(current)
    const cause = each.do === 'remove' ? { cause: 'rule_removed' as const } : {}
    return [change('settled', { ...current, state: 'settled' }, cause)]
  }

  #open(each: Extract<EpisodeStep, { do: 'open' }>): EpisodeChange {
    const atMs = this.#nowMs - each.ageMs
    const opened = episode({
      id: `e${++this.#opened}`,
      ruleId: RULES[each.rule]!,
      severity: each.severity,
      startMs: atMs,
      endMs: atMs,
    })
    this.#live.push(opened)
    return change('opened', opened)
  }

  #merge(from: number, into: number): EpisodeChange[] {
    const absorbed = this.#live[from % this.#live.length]!
    const survivor = this.#live[into % this.#live.length]!
    if (absorbed === survivor || absorbed.ruleId !== survivor.ruleId) return []
    this.#forget(absorbed)
    const kind = survivor.state === 'open' ? 'changed' : 'refired'
    return [
      change('merged', { ...absorbed, state: 'settled' }, { into: survivor.id }),
      this.#say(kind, { ...survivor, state: 'open', endMs: this.#nowMs }),
    ]
  }

  #say(kind: 'opened' | 'changed' | 'refired' | 'escalated' | 'cleared', next: Episode) {
    this.#live[this.#live.findIndex(({ id }) => id === next.id)] = next
    return change(kind, next)
  }

  #forget(gone: Episode): void {
    this.#live.splice(this.#live.indexOf(gone), 1)
  }

  #commands(each: AskStep): CommandRequest[] {
    const all = [...this.store.incidents.values()].sort((a, b) => a.number - b.number)
    // Mostly the newest, which are the ones with a way to go.
    const known = all.at(-1 - (each.pick % Math.max(1, Math.min(3, all.length))))
    if (known === undefined) return []
    const id = `c${++this.#asked}`
    const isVersioned = 'version' in each && each.version
    return [
      {
        id,
        actor: 'anna',
        command: commandOf(each, known),
        ...(isVersioned ? { expectedVersion: known.version } : {}),
      },
    ]
  }
}

function commandOf(each: AskStep, { id: incidentId, phase }: Incident): IncidentCommand {
  if (each.ask === 'note') return { kind: 'note', incidentId, text: 'looked at it' }
  if (each.ask === 'dismiss') {
    return { kind: 'dismiss', incidentId, as: 'benign', reason: each.reason ? 'seen' : '' }
  }
  if (each.ask === 'advance') {
    const reason = each.reason ? { reason: 'because' } : {}
    const next = PHASES.findIndex((candidate) => candidate === phase) + 1
    return { kind: 'advance', incidentId, to: PHASES[each.to ?? next] ?? 'closed', ...reason }
  }
  return { kind: 'acknowledge', incidentId }
}

function nextSeverity(severity: Severity): Severity {
  return SEVERITIES[Math.min(SEVERITIES.indexOf(severity) + 1, SEVERITIES.length - 1)]!
}

/** Runs a history and looks at the store after every commit. */
function overEveryCommit(look: (store: MemoryStore, before: Map<string, Incident>) => void): void {
  fc.assert(
    fc.property(history, (commits) => {
      const world = new World()
      for (const steps of commits) {
        const before = new Map(world.store.incidents)
        world.commit(steps)
        look(world.store, before)
      }
    }),
    { numRuns: 150 },
  )
}

test('the histories reach every phase, event, disposition and kind of answer', () => {
  const seen = new Set<string>()
  for (const commits of fc.sample(history, { numRuns: 150, seed: 3 })) {
    const world = new World()
    for (const steps of commits) world.commit(steps)
    const { events, inputs, timeline } = world.store
    for (const { type } of events) seen.add(type)
    for (const { data } of timeline) seen.add(`to:${data?.['to'] as string}`)
    for (const { decision } of inputs) {
      for (const { disposition } of decision.dispositions) seen.add(disposition)
      for (const result of decision.results) seen.add(result.ok ? 'ok' : result.reason)
    }
  }
  const expected = `opened attached shadow old_news rule_removed merged ok conflict refused
    to:containment to:eradication to:recovery to:lessons_learned to:identification
    incident.identification.started incident.identification.updated incident.refired
    incident.signals_cleared incident.phase_changed incident.dismissed incident.closed`
  expect(expected.split(/\s+/).filter((name) => !seen.has(name))).toEqual([])
})

describe('after any history of episodes and commands', () => {
  test('at most one incident absorbs the episodes of a key', () => {
    overEveryCommit(({ incidents }) => {
      const held = [...incidents.values()].flatMap(({ openKey }) => openKey ?? [])
      expect(new Set(held).size).toBe(held.length)
      for (const { phase, openKey, dedupHash } of incidents.values()) {
        expect(openKey).toBe(absorbs(phase) ? dedupHash : null)
      }
    })
  })

  test('the events of an incident are numbered from 1 without a gap', () => {
    overEveryCommit(({ incidents, events }) => {
      for (const { id, sequence } of incidents.values()) {
        const sent = events.filter((event) => event.incident.id === id)
        expect(sent.map((event) => event.sequence)).toEqual(sent.map((_, i) => i + 1))
        expect(sent.map((event) => event.incident.sequence)).toEqual(sent.map((_, i) => i + 1))
        expect(sequence).toBe(sent.length)
      }
    })
  })

  test('a version rises by one in a commit that touches the incident, and only then', () => {
    overEveryCommit(({ incidents, inputs }, before) => {
      const { decision } = inputs.at(-1)!
      const touched = new Set(decision.incidents.map(({ id }) => id))
      expect(touched.size).toBe(decision.incidents.length)
      for (const { id, version } of incidents.values()) {
        const rise = touched.has(id) ? 1 : 0
        expect(version).toBe((before.get(id)?.version ?? 0) + rise)
      }
      for (const { incidentId } of decision.timeline) expect(touched).toContain(incidentId)
    })
  })

  test('an incident fires exactly while one of its episodes does', () => {
    overEveryCommit(({ incidents, episodes }) => {
      for (const { id, signal, signalsClearMs } of incidents.values()) {
        const fires = [...episodes.values()].some(
          (row) => row.incidentId === id && row.episode.state === 'open' && !row.isMerged,
        )
        expect(signal).toBe(fires ? 'firing' : 'clear')
        expect(signalsClearMs === null).toBe(fires)
      }
    })
  })

  test('every episode has a disposition, and an incident exactly where that names one', () => {
    overEveryCommit(({ episodes, incidents }) => {
      for (const { episode, disposition, incidentId, mode, isMerged } of episodes.values()) {
        expect(disposition, episode.id).not.toBeNull()
        if (disposition === 'opened' || disposition === 'attached') {
          expect(incidents.get(incidentId ?? '')?.ruleId).toBe(episode.ruleId)
        }
        if (disposition === 'old_news' || disposition === 'shadow') expect(incidentId).toBeNull()
        if (mode === 'shadow') expect(incidentId).toBeNull()
        if (isMerged) expect(disposition).toBe('merged')
      }
    })
  })

  test('an incident is at least as severe as each of its episodes', () => {
    overEveryCommit(({ episodes, incidents }) => {
      for (const { episode, incidentId } of episodes.values()) {
        if (incidentId === null) continue
        const { severity } = incidents.get(incidentId)!
        expect(SEVERITIES.indexOf(severity)).toBeGreaterThanOrEqual(
          SEVERITIES.indexOf(episode.severity),
        )
      }
    })
  })

  test('phases moved along the table only, and every move is on the timeline', () => {
    overEveryCommit(({ incidents, timeline }) => {
      for (const { id, phase, cycle } of incidents.values()) {
        let at: string = 'identification'
        let cycles = 0
        for (const line of timeline) {
          if (
            line.incidentId !== id ||
            !['phase_changed', 'dismissed', 'closed'].includes(line.kind)
          ) {
            continue
          }
          const { from, to } = line.data as { from: string; to: string }
          expect(from).toBe(at)
          const move = TRANSITIONS.find((row) => row.from === from && row.to === to)
          expect(move, `${from} to ${to}`).toBeDefined()
          if (move?.kind === 'back') cycles++
          at = to
        }
        expect([at, cycles]).toEqual([phase, cycle])
      }
    })
  })

  test('every command is answered once, and a refused one changed nothing', () => {
    overEveryCommit(({ inputs }) => {
      const { input, decision } = inputs.at(-1)!
      expect(decision.results.map(({ id }) => id)).toEqual(input.commands.map(({ id }) => id))
      const acted = decision.timeline.filter(({ actor }) => actor === 'anna').length
      expect(acted).toBe(decision.results.filter(({ ok }) => ok).length)
    })
  })

  test('one commit or many tell the same story, step by step', () => {
    // Left out is what a commit may see only as a whole: a merge with what becomes of its
    // survivor, a row's state before it was adopted or its rule went, and versions.
    const plain = (each: Step) =>
      'do' in each ? !['merge', 'adopt', 'remove'].includes(each.do) : each.ask !== 'note'
    const told = ({ events, timeline, episodes }: MemoryStore) => ({
      events: events.map((event) => ({ ...event, incident: { ...event.incident, version: 0 } })),
      timeline,
      dispositions: [...episodes.values()].map((row) => [row.disposition, row.incidentId]),
    })
    fc.assert(
      fc.property(history, (commits) => {
        const [whole, split] = [new World(), new World()]
        for (const steps of commits) {
          const unversioned = steps.filter(plain).map((each) => ({ ...each, version: false }))
          whole.commit(unversioned)
          split.commit(unversioned, true)
        }
        expect(told(split.store)).toEqual(told(whole.store))
      }),
      { numRuns: 150 },
    )
  })

  test('the same input decides the same again, and is left as it was', () => {
    fc.assert(
      fc.property(history, (commits) => {
        const world = new World()
        for (const steps of commits) world.commit(steps)
        const again = new World()
        for (const steps of commits) again.commit(steps)
        expect(again.store.inputs).toEqual(world.store.inputs)
      }),
      { numRuns: 50 },
    )
  })
})
