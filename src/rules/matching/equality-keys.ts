import type { FieldType } from '../../model/ruleset.ts'
import type { FieldTest } from '../language/condition.ts'
import { exactNumber, numberOf } from '../language/exact-number.ts'
import { lowerCased } from '../language/words.ts'
import type { Cell } from './event-reader.ts'

/**
 * What of a value is looked up: the value as `text`, that text in `lower` case, the `number` that
 * it is or spells; `own_text` and `own_number` only of a value that is a text, a number, itself.
 */
export type KeyForm = 'text' | 'lower' | 'number' | 'own_text' | 'own_number'

/** One entry of an index over values. Numbers that are equal are equal as keys, see {@link keyOf}. */
export interface ValueKey {
  readonly form: KeyForm
  readonly key: string | number | bigint
}

/**
 * For a test that asks for one certain value: keys of which every value that satisfies it has at
 * least one; none when no value does. `undefined` for every other test. It follows `valueTest`
 * case by case and may be wider, as a candidate is asked, but never narrower.
 *
 * Not here although they read like equalities: words of an analysed field, as splitting every
 * message costs more than it spares, and dates, which are intervals.
 */
export function equalityKeys(
  test: FieldTest,
  type: FieldType | undefined,
): readonly ValueKey[] | undefined {
  if (type === 'date') return undefined
  if (test.kind === 'term' || test.kind === 'phrase') return searchKeys(test.text, type)
  if (test.kind === 'equals') return equalsKeys(test.value, test.ignoreCase, type)
  return undefined
}

/** The key of a form that a value has, if it has one. */
export function keyOf(form: KeyForm, cell: Cell): string | number | bigint | undefined {
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

function searchKeys(
  text: string,
  type: Exclude<FieldType, 'date'> | undefined,
): readonly ValueKey[] | undefined {
  switch (type) {
    case 'text':
      return undefined
    case 'lower':
      return [{ form: 'lower', key: lowerCased(text) }]
    case 'keyword':
      return [{ form: 'text', key: text }]
    case 'long':
    case 'double':
      return numberKeys('number', exactNumber(text))
    case undefined:
      return [{ form: 'own_text', key: text }, ...numberKeys('own_number', exactNumber(text))]
  }
}

function equalsKeys(
  value: string | number,
  ignoreCase: boolean,
  type: Exclude<FieldType, 'date'> | undefined,
): readonly ValueKey[] {
  if (type === 'long' || type === 'double') return numberKeys('number', numberOf(value))
  const text = String(value)
  const sameText: ValueKey =
    ignoreCase || type === 'lower'
      ? { form: 'lower', key: lowerCased(text) }
      : { form: 'text', key: text }
  if (type !== undefined) return [sameText]
  if (typeof value === 'number') return numberKeys('number', value)
  return [sameText, ...numberKeys('own_number', numberOf(value))]
}

function numberKeys(
  form: 'number' | 'own_number',
  number: number | bigint | undefined,
): readonly ValueKey[] {
  const key = numberKey(number)
  return key === undefined ? [] : [{ form, key }]
}

/** A map tells 5 from 5n, so whatever a double holds exactly is written as one. */
function numberKey(number: number | bigint | undefined): number | bigint | undefined {
  if (typeof number !== 'bigint') return number
  const double = Number(number)
  return Number.isFinite(double) && BigInt(double) === number ? double : number
}
