import type { FieldType } from '../../model/ruleset.ts'
import type { Bound, FieldTest } from '../language/condition.ts'
import { compareNumbers, exactNumber, numberOf } from '../language/exact-number.ts'
import { lowerCased, words } from '../language/words.ts'
import { dateInterval, type DateInterval } from '../language/date-text.ts'
import type { Cell } from './event-reader.ts'

/** Is a value that is there as the test asks? Decided once per rule, run for every event. */
export type ValueTest = (cell: Cell) => boolean

const NEVER: ValueTest = () => false

/**
 * What a test asks of one value of the given type; `undefined` is a field without a declared type,
 * read as its value asks: text exactly, a number as a number.
 */
export function valueTest(test: FieldTest, type: FieldType | undefined): ValueTest {
  switch (test.kind) {
    case 'exists':
      return () => true
    case 'term':
    case 'phrase':
      return searchTest(test.text, test.kind, type)
    case 'prefix':
      return prefixTest(test.text, type)
    case 'range':
      return rangeTest(test.lower, test.upper, type)
    case 'equals':
      return equalsTest(test.value, test.ignoreCase, type)
    case 'contains':
      return partTest(test, (value, part) => value.includes(part))
    case 'starts_with':
      return partTest(test, (value, part) => value.startsWith(part))
    case 'ends_with':
      return partTest(test, (value, part) => value.endsWith(part))
  }
}

function searchTest(text: string, kind: 'term' | 'phrase', type: FieldType | undefined): ValueTest {
  switch (type) {
    case 'text': {
      const sought = words(text)
      if (sought.length === 0) return NEVER
      return kind === 'term' ? anyWord(sought) : wordRun(sought)
    }
    case 'lower': {
      const sought = lowerCased(text)
      return (cell) => cell.lower() === sought
    }
    case 'keyword':
      return (cell) => cell.text() === text
    case 'long':
    case 'double':
      return numberTest(exactNumber(text), isSame)
    case 'date': {
      const interval = dateInterval(text)
      if (interval === undefined) return NEVER
      return dateTest((ms) => ms >= interval.fromMs && ms <= interval.toMs)
    }
    case undefined: {
      const number = exactNumber(text)
      return ({ value }) =>
        typeof value === 'number' ? number !== undefined && isSame(value, number) : value === text
    }
  }
}

/** The look for characters is cheap and spares most events the work of splitting into words. */
function anyWord(sought: readonly string[]): ValueTest {
  return (cell) => sought.some((word) => cell.lower().includes(word) && cell.words().includes(word))
}

function wordRun(sought: readonly string[]): ValueTest {
  const [first] = sought
  return (cell) => {
    const lower = cell.lower()
    if (!sought.every((word) => lower.includes(word))) return false
    const found = cell.words()
    for (let at = found.indexOf(first!); at >= 0; at = found.indexOf(first!, at + 1)) {
      if (sought.every((word, i) => found[at + i] === word)) return true
    }
    return false
  }
}

function prefixTest(text: string, type: FieldType | undefined): ValueTest {
  const lower = lowerCased(text)
  switch (type) {
    case 'text':
      return (cell) =>
        cell.lower().includes(lower) && cell.words().some((word) => word.startsWith(lower))
    case 'lower':
      return (cell) => cell.lower().startsWith(lower)
    case 'keyword':
      return (cell) => cell.text().startsWith(text)
    case 'long':
    case 'double':
    case 'date':
      return NEVER
    case undefined:
      return ({ value }) => typeof value === 'string' && value.startsWith(text)
  }
}

function rangeTest(
  lower: Bound | null,
  upper: Bound | null,
  type: FieldType | undefined,
): ValueTest {
  switch (type) {
    case 'text': {
      const fits = textRange(lower, upper, lowerCased)
      return (cell) => cell.words().some(fits)
    }
    case 'lower': {
      const fits = textRange(lower, upper, lowerCased)
      return (cell) => fits(cell.lower())
    }
    case 'keyword': {
      const fits = textRange(lower, upper, (text) => text)
      return (cell) => fits(cell.text())
    }
    case 'long':
    case 'double':
      return numberRange(lower, upper) ?? NEVER
    case 'date':
      return dateRange(lower, upper)
    case undefined: {
      if (lower === null && upper === null) return () => true
      const numeric = numberRange(lower, upper)
      if (numeric !== undefined) return numeric
      const fits = textRange(lower, upper, (text) => text)
      return ({ value }) => typeof value === 'string' && fits(value)
    }
  }
}

/** `undefined` when a bound is not a number. */
function numberRange(lower: Bound | null, upper: Bound | null): ValueTest | undefined {
  const from = lower === null ? null : numberOf(lower.value)
  const to = upper === null ? null : numberOf(upper.value)
  if (from === undefined || to === undefined) return undefined
  return numberTest(0, (value) => {
    if (from !== null) {
      const order = compareNumbers(value, from)
      if (order < 0 || (order === 0 && !lower!.inclusive)) return false
    }
    if (to === null) return true
    const order = compareNumbers(value, to)
    return order < 0 || (order === 0 && upper!.inclusive)
  })
}

function textRange(
  lower: Bound | null,
  upper: Bound | null,
  normalise: (text: string) => string,
): (value: string) => boolean {
  const from = lower === null ? null : normalise(String(lower.value))
  const to = upper === null ? null : normalise(String(upper.value))
  return (value) => {
    if (from !== null) {
      const order = compareCodePoints(value, from)
      if (order < 0 || (order === 0 && !lower!.inclusive)) return false
    }
    if (to === null) return true
    const order = compareCodePoints(value, to)
    return order < 0 || (order === 0 && upper!.inclusive)
  }
}

/** A bound written as a day covers the day: `> 2026-11-24` begins on the 25th. */
function dateRange(lower: Bound | null, upper: Bound | null): ValueTest {
  const from = lower === null ? null : intervalOf(lower.value)
  const to = upper === null ? null : intervalOf(upper.value)
  if (from === undefined || to === undefined) return NEVER
  const fromMs = from === null ? -Infinity : lower!.inclusive ? from.fromMs : from.toMs + 1
  const toMs = to === null ? Infinity : upper!.inclusive ? to.toMs : to.fromMs - 1
  return dateTest((ms) => ms >= fromMs && ms <= toMs)
}

function equalsTest(
  value: string | number,
  ignoreCase: boolean,
  type: FieldType | undefined,
): ValueTest {
  const text = String(value)
  if (type === 'long' || type === 'double') return numberTest(numberOf(value), isSame)
  if (type === 'date') return searchTest(text, 'term', type)
  const lower = lowerCased(text)
  if (type === 'lower') return (cell) => cell.lower() === lower
  const sameText: ValueTest = ignoreCase
    ? (cell) => cell.lower() === lower
    : (cell) => cell.text() === text
  if (type !== undefined) return sameText
  const sameNumber = numberTest(numberOf(value), isSame)
  if (typeof value === 'number') return sameNumber
  return (cell) => (typeof cell.value === 'number' ? sameNumber(cell) : sameText(cell))
}

function partTest(
  test: { readonly text: string; readonly ignoreCase: boolean },
  holds: (value: string, part: string) => boolean,
): ValueTest {
  if (!test.ignoreCase) return (cell) => holds(cell.text(), test.text)
  const lower = lowerCased(test.text)
  return (cell) => holds(cell.lower(), lower)
}

/** False for a value that is neither a number nor text that is exactly one. */
function numberTest(
  sought: number | bigint | undefined,
  holds: (value: number | bigint, sought: number | bigint) => boolean,
): ValueTest {
  if (sought === undefined) return NEVER
  return ({ value }) => {
    const number = value === undefined ? undefined : numberOf(value)
    return number !== undefined && holds(number, sought)
  }
}

function dateTest(holds: (ms: number) => boolean): ValueTest {
  return ({ value }) => {
    const interval = value === undefined ? undefined : intervalOf(value)
    return interval !== undefined && holds(interval.fromMs)
  }
}

function intervalOf(value: string | number): DateInterval | undefined {
  if (typeof value === 'string') return dateInterval(value)
  return { fromMs: value, toMs: value }
}

function isSame(a: number | bigint, b: number | bigint): boolean {
  return compareNumbers(a, b) === 0
}

/** Lucene orders text by its UTF-8 bytes, which is the order of code points, not of UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit < 0xe000
    if (isSurrogate(x) !== isSurrogate(y)) return isSurrogate(x) ? 1 : -1
    return x - y
  }
  return a.length - b.length
}
