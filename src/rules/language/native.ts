import type { DocumentPath, DocumentReader } from '../../model/document-reader.ts'
import { shown } from '../../model/document-reader.ts'
import { didYouMean } from '../../model/problem.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { Bound, Condition, Span } from './condition.ts'
import { compileQuery } from './graylog-query.ts'

const GROUPS = ['all', 'any', 'not'] as const
const PARTS = ['contains', 'starts_with', 'ends_with', 'equals'] as const
const BOUNDS = ['gte', 'gt', 'lte', 'lt'] as const
const OPERATORS = [...BOUNDS, ...PARTS, 'exists', 'case'] as const
/** Operators of the language that this version does not have. */
const LATER = ['matches', 'cidr', 'in', 'field', 'time_of_day', 'weekday']
const CASES = ['sensitive', 'insensitive'] as const
const CONDITION_EXPECTED =
  'a Graylog query, { field: value }, or { all | any: [...] }, { not: ... }'

/**
 * Reads the condition at `path`: text is a Graylog query; a block is `all`, `any`, `not`, or field
 * tests that must all hold. `undefined` when something was refused; the reader holds the problems.
 */
export function readCondition(
  reader: DocumentReader,
  path: DocumentPath,
  fields: Readonly<Record<string, FieldType>>,
): Condition | undefined {
  return new ConditionReader(reader, fields).condition(path)
}

class ConditionReader {
  readonly #reader: DocumentReader
  readonly #fields: Readonly<Record<string, FieldType>>

  constructor(reader: DocumentReader, fields: Readonly<Record<string, FieldType>>) {
    this.#reader = reader
    this.#fields = fields
  }

  condition(path: DocumentPath): Condition | undefined {
    const value = this.#reader.at(path)
    if (typeof value === 'string') return this.#query(path, value)
    const keys = isBlock(value) ? Object.keys(value) : []
    if (keys.length === 0) {
      return this.#refuse(
        path,
        value === undefined ? 'missing' : 'unexpected',
        `expected ${CONDITION_EXPECTED}, found ${value === undefined || value === null ? 'nothing' : shown(value)}`,
      )
    }
    const group = GROUPS.find((word) => keys.includes(word))
    if (group === undefined) return this.#fieldTests(path, keys)
    if (keys.length > 1) {
      const others = keys.filter((key) => key !== group).map((key) => `"${key}"`)
      return this.#refuse(
        [...path, group],
        'unexpected',
        `"${group}" must stand alone, found ${others.join(', ')} beside it; join them with { all: [...] }`,
      )
    }
    return group === 'not' ? this.#not([...path, 'not']) : this.#group([...path, group], group)
  }

  #query(path: DocumentPath, query: string): Condition | undefined {
    const { document, file, problems } = this.#reader
    const place = (at: number, length: number): Span => ({ ...document.within(path, at), length })
    const result = compileQuery(query, { fields: this.#fields, file, place })
    problems.push(...result.problems)
    return result.condition
  }

  #not(path: DocumentPath): Condition | undefined {
    const of = this.condition(path)
    return of && { kind: 'not', of, span: this.#span(path) }
  }

  #group(path: DocumentPath, kind: 'all' | 'any'): Condition | undefined {
    const list = this.#reader.at(path)
    if (!Array.isArray(list) || list.length === 0) {
      return this.#refuse(
        path,
        'unexpected',
        `expected a list with at least one condition, found ${shown(list)}`,
      )
    }
    const of = list.map((_, i) => this.condition([...path, i]))
    return joined(kind, of, this.#span(path))
  }

  #fieldTests(path: DocumentPath, names: readonly string[]): Condition | undefined {
    const tests = names.map((name) => this.#fieldTest([...path, name], name))
    return joined('all', tests, this.#span(path))
  }

  #fieldTest(path: DocumentPath, field: string): Condition | undefined {
    const value = this.#reader.at(path)
    if (isBlock(value)) return this.#operators(path, field, Object.keys(value))
    if (!Array.isArray(value)) return this.#equals(path, field, value, false)
    if (value.length === 0) return this.#refuse(path, 'unexpected', 'an empty list matches nothing')
    const tests = value.map((_, i) => this.#fieldTest([...path, i], field))
    return joined('any', tests, this.#span(path))
  }

  #equals(
    path: DocumentPath,
    field: string,
    value: unknown,
    ignoreCase: boolean,
  ): Condition | undefined {
    const span = this.#span(path)
    if (typeof value === 'boolean')
      return { kind: 'equals', field, value: String(value), ignoreCase, span }
    if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) {
      return { kind: 'equals', field, value, ignoreCase, span }
    }
    const hint = value === null ? '; a missing field is { exists: false }' : ''
    return this.#refuse(
      path,
      'unexpected',
      `expected a text, a number, a list or operators, found ${value === null ? 'nothing' : shown(value)}${hint}`,
    )
  }

  #operators(path: DocumentPath, field: string, keys: readonly string[]): Condition | undefined {
    const known = keys.filter((key) => this.#isKnown(path, key))
    const letters = this.#reader.oneOf([...path, 'case'], CASES)
    const ignoreCase = letters === 'insensitive'
    const tests: (Condition | undefined)[] = []
    for (const part of PARTS) {
      if (known.includes(part)) tests.push(this.#part([...path, part], field, part, ignoreCase))
    }
    if (known.includes('exists')) tests.push(this.#exists([...path, 'exists'], field))
    if (BOUNDS.some((bound) => known.includes(bound))) tests.push(this.#range(path, field))
    if (known.length < keys.length) return undefined
    if (known.includes('case') && letters === undefined) return undefined
    if (tests.length === 0) {
      return this.#refuse(path, 'unexpected', `expected an operator (${OPERATORS.join(', ')})`)
    }
    return joined('all', tests, this.#span(path))
  }

  #isKnown(path: DocumentPath, key: string): boolean {
    if ((OPERATORS as readonly string[]).includes(key)) return true
    const at = [...path, key]
    if (LATER.includes(key))
      this.#reader.refuse(at, 'not-yet', `the operator "${key}" comes in a later version`)
    else {
      const message = `unknown operator "${key}"${didYouMean(key, OPERATORS)}; known: ${OPERATORS.join(', ')}`
      this.#reader.refuse(at, 'unknown-operator', message, { part: 'key' })
    }
    return false
  }

  #part(
    path: DocumentPath,
    field: string,
    kind: (typeof PARTS)[number],
    ignoreCase: boolean,
  ): Condition | undefined {
    const value = this.#reader.at(path)
    if (Array.isArray(value) && value.length > 0) {
      const tests = value.map((_, i) => this.#part([...path, i], field, kind, ignoreCase))
      return joined('any', tests, this.#span(path))
    }
    if (kind === 'equals') return this.#equals(path, field, value, ignoreCase)
    const text = typeof value === 'number' ? String(value) : value
    if (typeof text !== 'string' || text === '') {
      return this.#refuse(
        path,
        'unexpected',
        `expected a text that is not empty, found ${shown(value)}`,
      )
    }
    return { kind, field, text, ignoreCase, span: this.#span(path) }
  }

  #exists(path: DocumentPath, field: string): Condition | undefined {
    const value = this.#reader.at(path)
    const span = this.#span(path)
    const exists: Condition = { kind: 'exists', field, span }
    if (value === true) return exists
    if (value === false) return { kind: 'not', of: exists, span }
    return this.#refuse(path, 'unexpected', `expected true or false, found ${shown(value)}`)
  }

  #range(path: DocumentPath, field: string): Condition | undefined {
    const ends = { lower: null as Bound | null, upper: null as Bound | null }
    let isGood = true
    for (const operator of BOUNDS) {
      const at = [...path, operator]
      const value = this.#reader.at(at)
      if (value === undefined) continue
      const end = operator.startsWith('g') ? 'lower' : 'upper'
      if (ends[end] !== null) {
        this.#refuse(at, 'unexpected', `a second ${end} bound beside "${operator}e"`)
        isGood = false
      } else if (
        (typeof value !== 'number' || !Number.isFinite(value)) &&
        typeof value !== 'string'
      ) {
        this.#refuse(at, 'unexpected', `expected a number, a date or a text, found ${shown(value)}`)
        isGood = false
      } else ends[end] = { value, inclusive: operator.endsWith('e') }
    }
    return isGood ? { kind: 'range', field, ...ends, span: this.#span(path) } : undefined
  }

  #span(path: DocumentPath): Span {
    return this.#reader.document.locate(path)
  }

  #refuse(path: DocumentPath, code: string, message: string): undefined {
    this.#reader.refuse(path, code, message)
    return undefined
  }
}

function joined(
  kind: 'all' | 'any',
  of: readonly (Condition | undefined)[],
  span: Span,
): Condition | undefined {
  const good = of.filter((part) => part !== undefined)
  if (good.length < of.length) return undefined
  return good.length === 1 ? good[0] : { kind, of: good, span }
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
