import { DURATION_EXPECTED, formatDuration, parseDuration } from './duration.ts'
import { didYouMean, type Problem } from './problem.ts'

export type DocumentPath = readonly (string | number)[]

/** A document as plain values that knows where each of them was written. */
export interface LocatedDocument {
  readonly value: unknown
  locate(path: DocumentPath, part?: 'key' | 'value'): Place
  /** Where a character of a text was written. */
  within(path: DocumentPath, index: number): Place
}

export interface Place {
  readonly line: number
  readonly column: number
  readonly length: number
}

/**
 * Takes a document apart and writes down everything that is wrong with it, not only the first
 * thing. Each getter answers `undefined` for what is missing or was refused; a value that is
 * refused has left a problem, one that is missing has not unless it was asked for with `required`.
 */
export class DocumentReader {
  readonly file: string
  readonly document: LocatedDocument
  readonly problems: Problem[] = []

  constructor(document: LocatedDocument, file: string) {
    this.document = document
    this.file = file
  }

  get hasErrors(): boolean {
    return this.problems.some((problem) => problem.severity === 'error')
  }

  /** Writes down what is wrong with the value (or the key) at `path`. */
  refuse(
    path: DocumentPath,
    code: string,
    message: string,
    options: { part?: 'key' | 'value'; severity?: Problem['severity'] } = {},
  ): void {
    const { line, column } = this.document.locate(path, options.part)
    const where = path.length > 0 && options.part !== 'key' ? `${pathText(path)}: ` : ''
    const severity = options.severity ?? 'error'
    this.problems.push({ code, severity, message: where + message, file: this.file, line, column })
  }

  warn(path: DocumentPath, code: string, message: string): void {
    this.refuse(path, code, message, { severity: 'warning' })
  }

  at(path: DocumentPath): unknown {
    let value = this.document.value
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step))
        return undefined
      value = (value as Record<string | number, unknown>)[step]
    }
    return value
  }

  has(path: DocumentPath): boolean {
    return this.at(path) !== undefined
  }

  /** The keys of a block, after unknown ones and those of `later` versions were refused by name. */
  keys(
    path: DocumentPath,
    known: readonly string[] | 'any',
    options: { required?: boolean; later?: readonly string[] } = {},
  ): readonly string[] | undefined {
    const value = this.at(path)
    const { later = [] } = options
    if (value === undefined || value === null) {
      if (options.required === true)
        this.refuse(path, 'missing', `expected a block with ${listed(known)}`)
      return undefined
    }
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.#unexpected(path, value, `a block with ${listed(known)}`)
      return undefined
    }
    const keys = Object.keys(value).filter((key) => !later.includes(key))
    for (const key of later) {
      if (!Object.hasOwn(value, key)) continue
      const message = `"${key}" comes in a later version`
      this.refuse([...path, key], 'not-yet', message, { part: 'key' })
    }
    if (known === 'any') return keys
    for (const key of keys) {
      if (known.includes(key)) continue
      const message = `unknown key "${clip(key)}"${didYouMean(key, known)}; known here: ${known.join(', ')}`
      this.refuse([...path, key], 'unknown-key', message, { part: 'key' })
    }
    return keys.filter((key) => known.includes(key))
  }

  text(
    path: DocumentPath,
    options: { required?: boolean; pattern?: RegExp; expected?: string; max?: number } = {},
  ): string | undefined {
    const expected = options.expected ?? 'text'
    const value = this.#value(path, options.required, expected)
    if (value === undefined) return undefined
    const max = options.max ?? 1_000
    if (typeof value !== 'string' || (options.pattern?.test(value) ?? true) === false) {
      return this.#unexpected(path, value, expected)
    }
    if (value.length <= max) return value
    this.refuse(path, 'too-long', `${value.length} characters; at most ${max} are taken`)
    return undefined
  }

  number(
    path: DocumentPath,
    options: { required?: boolean; min: number; max: number; whole?: boolean },
  ): number | undefined {
    const kind = options.whole === true ? 'a whole number' : 'a number'
    const expected = `${kind} from ${options.min} to ${options.max}`
    const value = this.#value(path, options.required, expected)
    if (value === undefined) return undefined
    const fits =
      typeof value === 'number' &&
      value >= options.min &&
      value <= options.max &&
      (options.whole !== true || Number.isInteger(value))
    return fits ? value : this.#unexpected(path, value, expected)
  }

  /** Milliseconds. */
  duration(
    path: DocumentPath,
    options: { required?: boolean; minMs: number; maxMs: number },
  ): number | undefined {
    const value = this.#value(path, options.required, DURATION_EXPECTED)
    if (value === undefined) return undefined
    const ms = typeof value === 'string' ? parseDuration(value) : value === 0 ? 0 : undefined
    if (ms === undefined) return this.#unexpected(path, value, DURATION_EXPECTED)
    if (ms >= options.minMs && ms <= options.maxMs) return ms
    const range = `from ${formatDuration(options.minMs)} to ${formatDuration(options.maxMs)}`
    return this.#unexpected(path, value, `a duration ${range}`)
  }

  oneOf<T extends string>(
    path: DocumentPath,
    words: readonly T[],
    required = false,
  ): T | undefined {
    const expected = `one of ${words.join(', ')}`
    const value = this.#value(path, required, expected)
    if (value === undefined) return undefined
    if (typeof value === 'string' && (words as readonly string[]).includes(value)) return value as T
    const near = typeof value === 'string' ? didYouMean(value, words) : ''
    return this.#unexpected(path, value, expected + near)
  }

  /** A list of texts without doubles. */
  texts(path: DocumentPath, expected: string): readonly string[] {
    const value = this.#value(path, false, expected)
    if (value === undefined) return []
    if (!Array.isArray(value)) {
      this.#unexpected(path, value, `${expected}, in brackets`)
      return []
    }
    const found = new Set<string>()
    for (const i of value.keys()) {
      const text = this.text([...path, i], { required: true, pattern: /[^]/, expected: 'a name' })
      if (text === undefined) continue
      if (found.has(text)) this.refuse([...path, i], 'double', `"${clip(text)}" stands twice`)
      found.add(text)
    }
    return [...found]
  }

  /** How many entries the list at `path` has; 0 when it is missing or no list. */
  count(path: DocumentPath, expected: string): number {
    const value = this.#value(path, false, expected)
    if (value === undefined) return 0
    if (Array.isArray(value)) return value.length
    this.#unexpected(path, value, expected)
    return 0
  }

  /** A block of short texts; numbers and truth values are taken as they are written. */
  words(path: DocumentPath, max: number): Readonly<Record<string, string>> {
    const found = Object.create(null) as Record<string, string>
    for (const key of this.keys(path, 'any') ?? []) {
      const value = this.at([...path, key])
      if (typeof value === 'number' || typeof value === 'boolean') found[key] = String(value)
      else {
        const text = this.text([...path, key], { required: true, max })
        if (text !== undefined) found[key] = text
      }
    }
    return found
  }

  #value(path: DocumentPath, required: boolean | undefined, expected: string): unknown {
    const value = this.at(path)
    if (value !== undefined && value !== null) return value
    if (required === true) this.refuse(path, 'missing', `expected ${expected}, found nothing`)
    else if (value === null) this.refuse(path, 'empty', `expected ${expected}, found nothing`)
    return undefined
  }

  #unexpected(path: DocumentPath, value: unknown, expected: string): undefined {
    this.refuse(path, 'unexpected', `expected ${expected}, found ${shown(value)}`)
    return undefined
  }
}

/** A value as a message quotes it: on one line, at most 60 characters. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'a block'
  return typeof value === 'string' ? `"${clip(value)}"` : String(value)
}

function clip(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, ' ')
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}

/** `escalate[0].severity`. */
export function pathText(path: DocumentPath): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`))
    .join('')
}

function listed(known: readonly string[] | 'any'): string {
  return known === 'any' ? 'names and values' : known.join(', ')
}
