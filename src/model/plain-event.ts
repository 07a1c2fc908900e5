import type { EventFlag, EventView, FieldValue } from './event.ts'

/** How far ahead of its receipt an event's own time is believed (design §4.2). */
export const FUTURE_CLAMP_MS = 5 * 60_000

/** An event made of plain fields: rule tests, `--format json` files and the test suite. */
export class PlainEvent implements EventView {
  readonly timeMs: number
  readonly receivedMs: number
  readonly flags: readonly EventFlag[]
  readonly isOwn = false
  readonly #fields: ReadonlyMap<string, FieldValue>
  readonly #hash: readonly [number, number]

  constructor(event: {
    readonly fields: ReadonlyMap<string, FieldValue>
    readonly timeMs: number
    readonly receivedMs: number
    readonly hash: readonly [number, number]
    readonly flags?: readonly EventFlag[]
  }) {
    this.timeMs = event.timeMs
    this.receivedMs = event.receivedMs
    this.flags = event.flags ?? []
    this.#fields = event.fields
    this.#hash = event.hash
  }

  get(name: string): FieldValue | undefined {
    const value = this.#fields.get(name)
    if (value !== undefined || !name.includes('_')) return value
    return this.#dotted().get(name)
  }

  names(): readonly string[] {
    return [...this.#fields.keys()]
  }

  hash(): readonly [number, number] {
    return this.#hash
  }

  /** Graylog finds a field `a.b` under `a_b` (design §8). */
  #dotted(): Map<string, FieldValue> {
    const found = new Map<string, FieldValue>()
    for (const [name, value] of this.#fields) {
      if (name.includes('.')) found.set(name.replaceAll('.', '_'), value)
    }
    return found
  }
}
