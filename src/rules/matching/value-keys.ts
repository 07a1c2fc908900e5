import type { FieldType } from '../../model/ruleset.ts'
import type { FieldTest } from '../language/condition.ts'
import { exactNumber, numberOf } from '../language/exact-number.ts'
import { lowerCased, words } from '../language/words.ts'
import type { Cell } from './event-reader.ts'
import { partsOf } from './text-parts.ts'

/**
 * What of a value is looked up. Whole: the value as `text`, that text in `lower` case, the `number`
 * that it is or spells; `own_text` and `own_number` only of a value that is a text, a number,
 * itself. In parts: every part of the text (`text_part`), of the text in lower case (`lower_part`).
 */
export type KeyForm = WholeForm | PartForm
export type WholeForm = 'text' | 'lower' | 'number' | 'own_text' | 'own_number'
export type PartForm = 'text_part' | 'lower_part'

/** One entry of an index over values. Numbers that are equal are equal as keys, see {@link keyOf}. */
export interface ValueKey {
  readonly form: KeyForm
  readonly key: string | number | bigint
}

/** What a value that satisfies a test must have: a key, one of several, or all of them. */
export type ValueNeed =
  | ValueKey
  | { readonly form: 'any' | 'all'; readonly of: readonly ValueNeed[] }

/**
 * What every value that satisfies the test has; an `any` of nothing when no value satisfies it,
 * `undefined` when nothing that could be looked up is needed. It follows `valueTest` case by case
 * and may ask for less than the test does, as who is found is still asked, but never for more.
 */
export function valueNeed(test: FieldTest, type: FieldType | undefined): ValueNeed | undefined {
  switch (test.kind) {
    case 'term':
    case 'phrase':
      return searchNeed(test.text, test.kind, type)
    case 'equals':
      return equalsNeed(test.value, test.ignoreCase, type)
    case 'prefix':
      return prefixNeed(test.text, type)
    case 'contains':
    case 'starts_with':
    case 'ends_with':
      return partNeed(test.text, test.ignoreCase)
    case 'exists':
    case 'range':
      return undefined
  }
}

/** The key of a form that a value has, if it has one. */
export function keyOf(form: WholeForm, cell: Cell): ValueKey['key'] | undefined {
  const { value } = cell
  switch (form) {
    case 'text':
      return cell.text()
    case 'lower':
      return cell.lower()
    case 'number':
      return value === undefined ? undefined : numberKey(numberOf(value))
    case 'own_text':
      return typeof value === 'string' ? value : undefined
    case 'own_number':
      return typeof value === 'number' ? value : undefined
  }
}

export function isPartForm(form: KeyForm): form is PartForm {
  return form === 'text_part' || form === 'lower_part'
}

function searchNeed(
  text: string,
  kind: 'term' | 'phrase',
  type: FieldType | undefined,
): ValueNeed | undefined {
  switch (type) {
    case 'text': {
      // To be among the words of a text, a word must be among its characters.
      const sought = words(text).map((word) => partNeed(word, true))
      if (sought.length === 0) return NOTHING
      return kind === 'term' ? anyOf(sought) : allOf(sought)
    }
    case 'lower':
      return { form: 'lower', key: lowerCased(text) }
    case 'keyword':
      return { form: 'text', key: text }
    case 'long':
    case 'double':
      return numberNeed('number', exactNumber(text))
    case 'date':
      return undefined
    case undefined:
      return anyOf([{ form: 'own_text', key: text }, numberNeed('own_number', exactNumber(text))])
  }
}

function equalsNeed(
  value: string | number,
  ignoreCase: boolean,
  type: FieldType | undefined,
): ValueNeed | undefined {
  if (type === 'date') return undefined
  if (type === 'long' || type === 'double') return numberNeed('number', numberOf(value))
  const text = String(value)
  const sameText: ValueKey =
    ignoreCase || type === 'lower'
      ? { form: 'lower', key: lowerCased(text) }
      : { form: 'text', key: text }
  if (type !== undefined) return sameText
  if (typeof value === 'number') return numberNeed('number', value)
  return anyOf([sameText, numberNeed('own_number', numberOf(value))])
}

function prefixNeed(text: string, type: FieldType | undefined): ValueNeed | undefined {
  switch (type) {
    case 'text':
    case 'lower':
      return partNeed(text, true)
    case 'keyword':
    case undefined:
      return partNeed(text, false)
    case 'long':
    case 'double':
    case 'date':
      return NOTHING
  }
}

function partNeed(text: string, ignoreCase: boolean): ValueNeed | undefined {
  const form = ignoreCase ? 'lower_part' : 'text_part'
  const parts = partsOf(ignoreCase ? lowerCased(text) : text)
  return parts.length === 0 ? undefined : { form: 'all', of: parts.map((key) => ({ form, key })) }
}

function numberNeed(form: 'number' | 'own_number', number: number | bigint | undefined): ValueNeed {
  const key = numberKey(number)
  return key === undefined ? NOTHING : { form, key }
}

/** A map tells 5 from 5n, so whatever a double holds exactly is written as one. */
function numberKey(number: number | bigint | undefined): number | bigint | undefined {
  if (typeof number !== 'bigint') return number
  const double = Number(number)
  return Number.isFinite(double) && BigInt(double) === number ? double : number
}

/** No value can be as asked. */
const NOTHING: ValueNeed = { form: 'any', of: [] }

/** A part that needs nothing makes the whole need nothing. */
function anyOf(of: readonly (ValueNeed | undefined)[]): ValueNeed | undefined {
  const needs = of.filter((need) => need !== undefined)
  return needs.length < of.length ? undefined : { form: 'any', of: needs }
}

function allOf(of: readonly (ValueNeed | undefined)[]): ValueNeed | undefined {
  const needs = of.filter((need) => need !== undefined)
  return needs.length === 0 ? undefined : { form: 'all', of: needs }
}
