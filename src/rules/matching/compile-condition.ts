import type { EventView } from '../../model/event.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { Condition, FieldTest } from '../language/condition.ts'
import { fieldTypes, type FieldTypes } from '../language/field-types.ts'
import { EventReader, FieldSlots } from './event-reader.ts'
import { valueTest, type ValueTest } from './value-test.ts'

/** Does the reader's present event satisfy the condition? */
export type EventTest = (event: EventReader) => boolean

/** Compiles one condition by itself; many over the same events share a {@link ConditionCompiler}. */
export function compileCondition(
  condition: Condition,
  fields: Readonly<Record<string, FieldType>>,
): (view: EventView) => boolean {
  const compiler = new ConditionCompiler(fields)
  const test = compiler.compile(condition)
  const reader = compiler.reader()
  return (view) => {
    reader.start(view)
    return test(reader)
  }
}

/** Turns condition trees into functions that read their fields through one shared reader. */
export class ConditionCompiler {
  readonly types: FieldTypes
  readonly #slots = new FieldSlots()

  constructor(fields: Readonly<Record<string, FieldType>>) {
    this.types = fieldTypes(fields)
  }

  compile(condition: Condition): EventTest {
    switch (condition.kind) {
      case 'everything':
        return () => true
      case 'nothing':
        return () => false
      case 'all':
        return allOf(condition.of.map((part) => this.compile(part)))
      case 'any':
        return anyOf(condition.of.map((part) => this.compile(part)))
      case 'not': {
        const test = this.compile(condition.of)
        return (event) => !test(event)
      }
      case 'exists':
      case 'term':
      case 'phrase':
      case 'prefix':
      case 'range':
      case 'equals':
      case 'contains':
      case 'starts_with':
      case 'ends_with':
        return condition.field === null
          ? this.#anyField(condition)
          : this.#oneField(condition, condition.field)
    }
  }

  /** Number of a field's cell in the {@link reader}. */
  slot(field: string): number {
    return this.#slots.of(field)
  }

  /** Made once all conditions are compiled: it knows the fields they read. */
  reader(): EventReader {
    return new EventReader(this.#slots)
  }

  #oneField(condition: FieldTest, field: string): EventTest {
    const slot = this.#slots.of(field)
    const holds = valueTest(condition, this.types.get(field))
    return (event) => {
      const cell = event.cell(slot)
      return cell.value !== undefined && holds(cell)
    }
  }

  /** One test per type, because one text means different things to different fields. */
  #anyField(condition: FieldTest): EventTest {
    const byType = new Map<FieldType | undefined, ValueTest>()
    for (const type of new Set([undefined, ...this.types.values()])) {
      byType.set(type, valueTest(condition, type))
    }
    for (const [field, type] of this.types) if (type === 'text') this.#slots.of(field)
    return (event) =>
      event.names().some((name) => {
        const cell = event.named(name)
        return cell.value !== undefined && byType.get(this.types.get(name))!(cell)
      })
  }
}

/**
 * Loops, because `every` and `some` with a closure per event take a sixth of the time of a
 * matcher with 100 rules (bench/RESULTS.md, match). Two tests are by far the most common.
 */
function allOf(tests: readonly EventTest[]): EventTest {
  const [first, second] = tests
  if (first !== undefined && second !== undefined && tests.length === 2) {
    return (event) => first(event) && second(event)
  }
  return (event) => {
    for (const test of tests) if (!test(event)) return false
    return true
  }
}

function anyOf(tests: readonly EventTest[]): EventTest {
  const [first, second] = tests
  if (first !== undefined && second !== undefined && tests.length === 2) {
    return (event) => first(event) || second(event)
  }
  return (event) => {
    for (const test of tests) if (test(event)) return true
    return false
  }
}
