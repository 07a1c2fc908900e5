import type { Condition } from '../language/condition.ts'
import type { ConditionCompiler, EventTest } from './compile-condition.ts'
import { keyOf, type KeyForm, type ValueKey } from './equality-keys.ts'
import type { EventReader } from './event-reader.ts'
import { type FieldKey, keyName, requiredKeys, writtenKeys } from './required-keys.ts'

/** Numbers of the conditions behind each key of one form. */
interface Lookup {
  readonly form: KeyForm
  readonly byKey: Map<ValueKey['key'], number[]>
}

interface IndexedField {
  readonly slot: number
  readonly lookups: Lookup[]
  /** Every condition that is reached through the field. */
  readonly all: Set<number>
}

/** A condition with the function that it was compiled to. */
interface Asked {
  readonly condition: Condition
  readonly test: EventTest
}

/**
 * Many conditions over one event: those that ask for a certain value of a field are found by that
 * value and only then asked, the others are asked always. The answer is that of asking all.
 *
 * Of the values that a condition asks for together it is found by the one that the fewest
 * conditions ask for: `user: u-37` says more than `env: prod`, which stands in half of them.
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

  /** Makes slots of the compiler, so its reader comes later. */
  constructor(conditions: readonly Asked[], compiler: ConditionCompiler) {
    const { types } = compiler
    const written = new Map<string, number>()
    for (const { condition } of conditions) {
      for (const key of writtenKeys(condition, types)) {
        const name = keyName(key)
        written.set(name, (written.get(name) ?? 0) + 1)
      }
    }
    const fields = new Map<string, IndexedField>()
    const always: number[] = []
    for (const [number, { condition }] of conditions.entries()) {
      const keys = requiredKeys(condition, types, (key) => written.get(keyName(key))!)
      if (keys === undefined) always.push(number)
      for (const key of keys ?? []) add(fields, key, { number, slot: compiler.slot(key.field) })
    }
    this.#tests = conditions.map(({ test }) => test)
    this.#fields = [...fields.values()]
    this.#always = always
    this.#askedIn = new Uint32Array(conditions.length)
  }

  /** Numbers of the conditions that hold, ascending. Valid until the next call. */
  satisfied(reader: EventReader): readonly number[] {
    this.#found.length = 0
    this.#nextTurn()
    for (const { slot, lookups, all } of this.#fields) {
      const cell = reader.cell(slot)
      if (cell.value === undefined) continue
      if (Number.isNaN(cell.value)) {
        // Compares as equal to everything, and no key does.
        for (const number of all) this.#ask(number, reader)
        continue
      }
      for (const { form, byKey } of lookups) {
        const key = keyOf(form, cell)
        const numbers = key === undefined ? undefined : byKey.get(key)
        if (numbers !== undefined) for (const number of numbers) this.#ask(number, reader)
      }
    }
    this.asked += this.#always.length
    for (const number of this.#always) if (this.#tests[number]!(reader)) this.#found.push(number)
    if (this.#found.length > 1) this.#found.sort((a, b) => a - b)
    return this.#found
  }

  #ask(number: number, reader: EventReader): void {
    if (this.#askedIn[number] === this.#turn) return
    this.#askedIn[number] = this.#turn
    this.asked++
    if (this.#tests[number]!(reader)) this.#found.push(number)
  }

  #nextTurn(): void {
    if (this.#turn === 0xffffffff) {
      this.#askedIn.fill(0)
      this.#turn = 0
    }
    this.#turn++
  }
}

function add(
  fields: Map<string, IndexedField>,
  { field, form, key }: FieldKey,
  { number, slot }: { readonly number: number; readonly slot: number },
): void {
  let indexed = fields.get(field)
  if (indexed === undefined) {
    indexed = { slot, lookups: [], all: new Set() }
    fields.set(field, indexed)
  }
  indexed.all.add(number)
  let lookup = indexed.lookups.find((one) => one.form === form)
  if (lookup === undefined) {
    lookup = { form, byKey: new Map() }
    indexed.lookups.push(lookup)
  }
  const numbers = lookup.byKey.get(key)
  if (numbers === undefined) lookup.byKey.set(key, [number])
  else if (numbers.at(-1) !== number) numbers.push(number)
}
