import type { EventView, FieldValue } from '../../model/event.ts'
import { lowerCased, words } from '../language/words.ts'

/** One field's value of the present event, with what was worked out from it. */
export class Cell {
  value: FieldValue | undefined
  #text: string | undefined
  #lower: string | undefined
  #words: readonly string[] | undefined

  set(value: FieldValue | undefined): void {
    this.value = value
    this.#text = undefined
    this.#lower = undefined
    this.#words = undefined
  }

  text(): string {
    return (this.#text ??= String(this.value))
  }

  lower(): string {
    return (this.#lower ??= lowerCased(this.text()))
  }

  words(): readonly string[] {
    return (this.#words ??= words(this.text()))
  }
}

/** Numbers the fields that conditions read, so that each is read once per event. */
export class FieldSlots {
  readonly #slots = new Map<string, number>()

  of(field: string): number {
    let slot = this.#slots.get(field)
    if (slot === undefined) {
      slot = this.#slots.size
      this.#slots.set(field, slot)
    }
    return slot
  }

  find(field: string): number | undefined {
    return this.#slots.get(field)
  }

  names(): readonly string[] {
    return [...this.#slots.keys()]
  }
}

/**
 * The present event as compiled conditions read it: every field is taken from the view, lower-cased
 * and split into words at most once, however many rules ask.
 */
export class EventReader {
  readonly #slots: FieldSlots
  readonly #names: readonly string[]
  readonly #cells: Cell[]
  readonly #filled: boolean[]
  readonly #other = new Cell()
  #view: EventView | undefined

  constructor(slots: FieldSlots) {
    this.#slots = slots
    this.#names = slots.names()
    this.#cells = this.#names.map(() => new Cell())
    this.#filled = this.#names.map(() => false)
  }

  start(view: EventView): void {
    this.#view = view
    this.#filled.fill(false)
  }

  cell(slot: number): Cell {
    const cell = this.#cells[slot]!
    if (!this.#filled[slot]) {
      cell.set(valueOf(this.#view!, this.#names[slot]!))
      this.#filled[slot] = true
    }
    return cell
  }

  names(): readonly string[] {
    return this.#view!.names()
  }

  /** A cell by name; one that has no slot is shared and must be read at once. */
  named(field: string): Cell {
    const slot = this.#slots.find(field)
    if (slot !== undefined) return this.cell(slot)
    this.#other.set(valueOf(this.#view!, field))
    return this.#other
  }
}

/**
 * `timestamp` is the event's time after the clamp, in milliseconds, whatever was sent;
 * `tocsin_flags` the flags that our intake gave it, whatever a sender claims.
 */
function valueOf(view: EventView, field: string): FieldValue | undefined {
  if (field === 'timestamp') return view.timeMs
  if (field !== 'tocsin_flags') return view.get(field)
  return view.flags.length > 0 ? view.flags.join(' ') : undefined
}
