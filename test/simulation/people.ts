import type { CommandRequest, CommandResult, IncidentCommand } from '../../src/model/command.ts'
import type { Action } from './nemesis.ts'
import type { World } from './world.ts'

type PeopleAction = Action & { readonly kind: 'people' }

interface Asked {
  readonly request: CommandRequest
  readonly answers: CommandResult[]
}

const ORDER = [
  'identification',
  'containment',
  'eradication',
  'recovery',
  'lessons_learned',
  'closed',
]

/**
 * How long a person waits for an answer before asking again; a process that ends breaks the
 * connection, which is noticed sooner.
 */
const PATIENCE_MS = 10_000
const LOOK_MS = 1_000

/** People at the API: they act on incidents, and ask again when no answer comes. */
export class People {
  readonly asked: Asked[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  act(action: PeopleAction): void {
    const incidents = this.#world.database.sql
      .prepare('SELECT id, version, phase FROM incident ORDER BY number')
      .all() as { id: string; version: number; phase: string }[]
    const incident = incidents[Math.floor(action.which * incidents.length)]
    if (incident === undefined) return
    const expectedVersion = incident.version - (action.isStale ? 1 : 0)
    const request = {
      id: `command-${action.number}`,
      actor: 'ada@example.org',
      command: commandOf(action.what, incident),
      ...(action.what === 'note' ? {} : { expectedVersion }),
    }
    const asked = { request, answers: [] }
    this.asked.push(asked)
    this.#ask(asked)
  }

  #ask(asked: Asked): void {
    const { scheduler } = this.#world
    const process = this.#world.serving().at(-1)
    if (process === undefined) {
      scheduler.after(1_000, () => this.#ask(asked))
      return
    }
    void this.#wait(asked, process.client.command(asked.request))
    const look = (waitedMs: number): void => {
      if (asked.answers.length > 0) return
      const isGone = !this.#world.serving().includes(process)
      if (isGone || waitedMs >= PATIENCE_MS) this.#ask(asked)
      else scheduler.after(LOOK_MS, () => look(waitedMs + LOOK_MS))
    }
    scheduler.after(LOOK_MS, () => look(LOOK_MS))
  }

  async #wait(asked: Asked, answer: Promise<CommandResult>): Promise<void> {
    const result = await answer
    this.#world.say(`answer ${JSON.stringify(result)}`)
    if (result.ok || result.reason !== 'unavailable') asked.answers.push(result)
  }
}

function commandOf(
  what: PeopleAction['what'],
  { id, phase }: { readonly id: string; readonly phase: string },
): IncidentCommand {
  const place = ORDER.indexOf(phase)
  switch (what) {
    case 'acknowledge':
      return { kind: 'acknowledge', incidentId: id }
    case 'note':
      return { kind: 'note', incidentId: id, text: 'seen' }
    case 'dismiss':
      return { kind: 'dismiss', incidentId: id, as: 'benign', reason: 'known' }
    case 'advance':
    case 'back': {
      const to = ORDER[Math.max(0, what === 'back' ? place - 1 : place + 1)] ?? 'closed'
      return { kind: 'advance', incidentId: id, to: to as never, reason: 'because' }
    }
  }
}
