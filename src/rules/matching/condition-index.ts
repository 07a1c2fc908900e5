import type { Condition } from '../language/condition.ts'
import type { ConditionCompiler, EventTest } from './compile-condition.ts'
import type { Cell, EventReader } from './event-reader.ts'
import { type FieldKey, keyName, keysIn, lightestKeys, type Need, needOf } from './needed-keys.ts'
import { PartIndex } from './text-parts.ts'
import { isPartForm, keyOf, type PartForm, type ValueKey, type WholeForm } from './value-keys.ts'

/**
 * Looking for parts walks the whole text, which takes as long as asking about so many conditions;
 * with fewer over a field they are asked.
 */
const PART_CONDITIONS_MIN = 12

/** A condition with the function that it was compiled to. */
interface Asked {
  readonly condition: Condition
  readonly test: EventTest
}

/** What leads from the values of one field to numbers of conditions. */
interface IndexedField {
  readonly slot: number
  readonly whole: { readonly form: WholeForm; readonly byKey: Map<ValueKey['key'], number[]> }[]
  readonly parts: { readonly form: PartForm; readonly index: PartIndex }[]
  /** Every condition that is reached through the field. */
  readonly all: Set<number>
}

/**
 * Many conditions over one event: those that need a certain value of a field, or certain characters
 * in it, are found by them and only then asked, the others are asked always. The answer is that of
 * asking all.
 *
 * Of the things that a condition needs together it is found by the one that the fewest conditions
 * need: `user: u-37` says more than `env: prod`, which stands in half of them.
 */
export class ConditionIndex {
  /** Conditions asked so far. */
  asked = 0
  readonly #tests: readonly EventTest[]
  readonly #fields: readonly IndexedField[]
  readonly #always: readonly number[]
  /** When each condition was last asked: reached by two keys, it is asked once. */
  readonly #askedIn: Uint32Array
  #turn = 0
  readonly #found: number[] = []
  #reader: EventReader | undefined
  readonly #askAll = (numbers: Iterable<number>): void => {
    for (const number of numbers) this.#ask(number)
  }

  /** Makes slots of the compiler, so its reader comes later. */
  constructor(conditions: readonly Asked[], compiler: ConditionCompiler) {
    const needs = conditions.map(({ condition }) => needOf(condition, compiler.types))
    const weigh = weights(needs)
    const fields = new Map<string, IndexedField>()
    const always: number[] = []
    for (const [number, need] of needs.entries()) {
      const lightest = need && lightestKeys(need, weigh)
      if (lightest === undefined || lightest.weight === Infinity) {
        always.push(number)
        continue
      }
      for (const key of lightest.keys) {
        let field = fields.get(key.field)
        if (field === undefined) {
          field = { slot: compiler.slot(key.field), whole: [], parts: [], all: new Set() }
          fields.set(key.field, field)
        }
        add(field, key, number)
      }
    }
    this.#tests = conditions.map(({ test }) => test)
    this.#fields = [...fields.values()]
    this.#always = always
    this.#askedIn = new Uint32Array(conditions.length)
  }

  /** Numbers of the conditions that hold, ascending. Valid until the next call. */
  satisfied(reader: EventReader): readonly number[] {
    this.#reader = reader
    this.#found.length = 0
    this.#nextTurn()
    for (const field of this.#fields) {
      const cell = reader.cell(field.slot)
      if (cell.value !== undefined) this.#lookUp(field, cell)
    }
    this.#askAll(this.#always)
    if (this.#found.length > 1) this.#found.sort((a, b) => a - b)
    return this.#found
  }

  #lookUp({ whole, parts, all }: IndexedField, cell: Cell): void {
    if (Number.isNaN(cell.value)) {
      // Compares as equal to everything, and no key does.
      this.#askAll(all)
      return
    }
    for (const { form, byKey } of whole) {
      const key = keyOf(form, cell)
      const numbers = key === undefined ? undefined : byKey.get(key)
      if (numbers !== undefined) this.#askAll(numbers)
    }
    for (const { form, index } of parts) {
      index.find(form === 'text_part' ? cell.text() : cell.lower(), this.#askAll)
    }
  }

  #ask(number: number): void {
    if (this.#askedIn[number] === this.#turn) return
    this.#askedIn[number] = this.#turn
    this.asked++
    if (this.#tests[number]!(this.#reader!)) this.#found.push(number)
  }

  #nextTurn(): void {
    if (this.#turn === 0xffffffff) {
      this.#askedIn.fill(0)
      this.#turn = 0
    }
    this.#turn++
  }
}

/** How many conditions name a key; infinite where looking it up would not pay. */
function weights(needs: readonly (Need | undefined)[]): (key: FieldKey) => number {
  const written = new Map<string, number>()
  const conditionsByParts = new Map<string, number>()
  const count = (counts: Map<string, number>, name: string): void => {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (const need of needs) {
    const partFields = new Set<string>()
    for (const key of need === undefined ? [] : keysIn(need)) {
      count(written, keyName(key))
      if (isPartForm(key.form)) partFields.add(`${key.form} ${key.field}`)
    }
    for (const name of partFields) count(conditionsByParts, name)
  }
  return (key) => {
    const named = written.get(keyName(key))!
    if (!isPartForm(key.form)) return named
    const isWorthIt = conditionsByParts.get(`${key.form} ${key.field}`)! >= PART_CONDITIONS_MIN
    // Characters are met by chance too.
    return isWorthIt ? 2 * named : Infinity
  }
}

function add(field: IndexedField, { form, key }: FieldKey, number: number): void {
  field.all.add(number)
  if (isPartForm(form)) {
    let parts = field.parts.find((one) => one.form === form)
    if (parts === undefined) {
      parts = { form, index: new PartIndex() }
      field.parts.push(parts)
    }
    parts.index.add(key as number, number)
    return
  }
  let whole = field.whole.find((one) => one.form === form)
  if (whole === undefined) {
    whole = { form, byKey: new Map() }
    field.whole.push(whole)
  }
  const numbers = whole.byKey.get(key)
  if (numbers === undefined) whole.byKey.set(key, [number])
  else if (numbers.at(-1) !== number) numbers.push(number)
}
