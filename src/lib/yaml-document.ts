import {
  CST,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
  type Scalar,
} from 'yaml'
import { sourceOffset } from './yaml-source-offset.ts'
import { scanYaml, type YamlLexeme } from './yaml-scan.ts'

/** What a document may hold after reading: objects have no prototype. */
export type YamlValue =
  | string
  | number
  | boolean
  | null
  | readonly YamlValue[]
  | { readonly [key: string]: YamlValue }

export type YamlPath = readonly (string | number)[]

/** A place in the text. Line and column from 1, in UTF-16 code units. */
export interface YamlPlace {
  readonly line: number
  readonly column: number
  readonly length: number
}

/** Why a text was refused. */
export interface YamlFault {
  readonly code:
    | 'yaml-too-large'
    | 'yaml-too-deep'
    | 'yaml-duplicate-key'
    | 'yaml-refused'
    | 'yaml-syntax'
  readonly message: string
  readonly line: number
  readonly column: number
}

/** 256 KiB hold about a thousand rules of ordinary length. */
export const YAML_SIZE_MAX = 256 * 1024
export const YAML_DEPTH_MAX = 32
/** More faults than this help nobody. */
export const YAML_FAULTS_MAX = 100

/**
 * One document of a YAML text: plain values (YAML 1.2 core schema, so `no` and `on` are text),
 * and where each of them was written.
 *
 * A whole number that a double cannot hold exactly is kept as its source text.
 */
export class YamlDocument {
  readonly value: YamlValue
  readonly #root: Node | null
  readonly #source: string
  readonly #lines: LineCounter

  constructor(root: Node | null, source: string, lines: LineCounter) {
    this.#root = root
    this.#source = source
    this.#lines = lines
    this.value = toPlain(root)
  }

  /**
   * Where the value at `path` (or its key) begins. For a path that is not there: the place of the
   * nearest ancestor that is, so that "… is missing" points at the right block.
   */
  locate(path: YamlPath, part: 'key' | 'value' = 'value'): YamlPlace {
    let node = this.#root
    let range = node?.range
    for (const [i, step] of path.entries()) {
      const next = child(node, step)
      if (next === undefined) break
      const isLast = i === path.length - 1
      node = next.value
      range = (isLast && part === 'key' ? next.key?.range : next.value?.range) ?? next.key?.range
    }
    const start = range?.[0] ?? 0
    return this.#place(start, firstLineLength(this.#source, start, range?.[1] ?? start))
  }

  /**
   * Where character `index` of the text at `path` was written, through quotes, escapes, folding
   * and the indentation of block scalars.
   */
  within(path: YamlPath, index: number): YamlPlace {
    let node = this.#root
    for (const step of path) node = child(node, step)?.value ?? null
    if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return this.locate(path)
    const [start, end] = node.range
    const written = { value: node.value, type: node.type, start, end }
    return this.#place(sourceOffset(this.#source, written, index), 1)
  }

  #place(offset: number, length: number): YamlPlace {
    const { line, col } = this.#lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col), length }
  }
}

/**
 * Reads YAML that strangers wrote: bounded in size and depth before the parser sees it, without
 * anchors, aliases, merge keys, tags of its own, or duplicate keys. Every fault is reported, and
 * with any fault there are no documents. Documents without content (a trailing `---`) are left out.
 */
export function readYaml(text: string): {
  readonly documents: readonly YamlDocument[]
  readonly faults: readonly YamlFault[]
} {
  const early = refuseEarly(text)
  if (early.length > 0) return { documents: [], faults: early }
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    // The library compares every key with every other; refuseKeys does it in one pass.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  })
  const documents: YamlDocument[] = []
  const faults: YamlFault[] = []
  const fault = (code: YamlFault['code'], offset: number, message: string): void => {
    if (faults.length >= YAML_FAULTS_MAX) return
    const { line, col } = lines.linePos(offset)
    faults.push({ code, message, line: Math.max(1, line), column: Math.max(1, col) })
  }
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const error of [...document.errors, ...document.warnings]) {
      fault('yaml-syntax', error.pos[0], error.message)
    }
    refuseKeys(document, fault)
    if (faults.length > 0 || isEmpty(document)) continue
    documents.push(new YamlDocument(document.contents, text, lines))
  }
  return faults.length > 0 ? { documents: [], faults } : { documents, faults }
}

function isEmpty(document: Document): boolean {
  const { contents } = document
  return contents === null || (isScalar(contents) && contents.value === null && !contents.source)
}

/** What is refused before a parser sees it. */
function refuseEarly(text: string): readonly YamlFault[] {
  const size = new TextEncoder().encode(text).length
  if (size > YAML_SIZE_MAX) {
    const message = `the file has ${size} bytes; at most ${YAML_SIZE_MAX} are read: split it`
    return [{ code: 'yaml-too-large', message, line: 1, column: 1 }]
  }
  const control = text.search(NOT_PRINTABLE)
  if (control >= 0) {
    const code = text.codePointAt(control)!.toString(16).toUpperCase().padStart(4, '0')
    const message = `the character U+${code} may not stand in YAML; write it as an escape in double quotes`
    return [{ code: 'yaml-syntax', message, ...lineAndColumn(text, control) }]
  }
  const { tooDeep, foreign } = scanYaml(lexemes(text), YAML_DEPTH_MAX)
  if (tooDeep !== undefined) {
    const message = `nesting is deeper than ${YAML_DEPTH_MAX} levels`
    return [{ code: 'yaml-too-deep', message, ...lineAndColumn(text, tooDeep) }]
  }
  return foreign.slice(0, YAML_FAULTS_MAX).map(({ offset, message }) => ({
    code: 'yaml-refused',
    message,
    ...lineAndColumn(text, offset),
  }))
}

const MARKERS = new Set<string | null>(['scalar', 'doc-mode', 'flow-error-end'])

function* lexemes(text: string): Generator<YamlLexeme> {
  let isContent = false
  for (const lexeme of new Lexer().lex(text)) {
    const type: string | null = isContent ? null : CST.tokenType(lexeme)
    isContent = type === 'scalar'
    yield { type, text: MARKERS.has(type) ? '' : lexeme }
  }
}

/** Outside YAML's printable set (YAML 1.2.2 §5.1), lone surrogates included. */
const NOT_PRINTABLE =
  // oxlint-disable-next-line no-control-regex -- these characters are what is looked for
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: offset - lineStart + 1 }
}

function refuseKeys(
  document: Document,
  fault: (code: YamlFault['code'], offset: number, message: string) => void,
): void {
  visit(document, {
    Map(_key, map) {
      const keys = new Set<string>()
      for (const { key } of map.items) {
        const at = (key as Node | null)?.range?.[0] ?? map.range?.[0] ?? 0
        if (!isScalar(key)) {
          fault('yaml-refused', at, 'a key must be a plain word or quoted text')
          continue
        }
        const text = keyText(key)
        if (text === '<<' && key.type === 'PLAIN') {
          fault('yaml-refused', at, 'the merge key "<<" is not allowed')
        }
        if (keys.has(text)) {
          fault('yaml-duplicate-key', at, `the key "${text}" stands twice in one block`)
        }
        keys.add(text)
      }
    },
  })
}

function child(
  node: Node | null,
  step: string | number,
): { readonly key: Node | null; readonly value: Node | null } | undefined {
  if (isMap(node)) {
    for (const pair of node.items) {
      if (isScalar(pair.key) && keyText(pair.key) === String(step)) {
        return { key: pair.key, value: pair.value as Node | null }
      }
    }
    return undefined
  }
  if (!isSeq(node) || typeof step !== 'number') return undefined
  const value = node.items[step] as Node | undefined
  return value === undefined ? undefined : { key: value, value }
}

function keyText(key: Scalar): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

/** Recursion is safe: depth was bounded before the parser. */
function toPlain(node: unknown): YamlValue {
  if (isMap(node)) {
    const plain = Object.create(null) as Record<string, YamlValue>
    for (const pair of node.items) plain[keyText(pair.key as Scalar)] = toPlain(pair.value)
    return plain
  }
  if (isSeq(node)) return node.items.map(toPlain)
  if (!isScalar(node)) return null
  const { value, source } = node
  if (typeof value === 'number') {
    const isCut = Number.isInteger(value) && !Number.isSafeInteger(value)
    return isCut && source !== undefined && /^[-+]?\d+$/.test(source) ? source : value
  }
  return typeof value === 'string' || typeof value === 'boolean' ? value : null
}

function firstLineLength(source: string, start: number, end: number): number {
  const lineBreak = source.indexOf('\n', start)
  return Math.max(1, (lineBreak < 0 ? end : Math.min(end, lineBreak)) - start)
}
