/**
 * A piece of YAML text and what the library's lexer calls it; `null` for the text of a scalar. The
 * lexer's markers (`scalar`, `doc-mode`, `flow-error-end`) have no text.
 */
export interface YamlLexeme {
  readonly type: string | null
  readonly text: string
}

/** Something that YAML knows and we do not take, with its offset into the text. */
export interface ForeignLexeme {
  readonly offset: number
  readonly message: string
}

interface Level {
  readonly column: number
  readonly kind: 'map' | 'seq'
}

/**
 * Looks over YAML before any parser builds something from it: the offset at which it nests deeper
 * than `depthMax` (the scan ends there), and anchors, aliases, tags of its own and directives. The
 * parser recurses over depth, and a stack that is nearly used up can end the whole process.
 *
 * Works on the lexemes of the library, whose lexer keeps a counter and no stack. Flow depth is
 * counted from brackets (those in quotes, comments and block scalars are other lexemes); block
 * depth is the number of indicator columns that a place stands inside.
 */
export function scanYaml(
  lexemes: Iterable<YamlLexeme>,
  depthMax: number,
): { readonly tooDeep?: number; readonly foreign: readonly ForeignLexeme[] } {
  const foreign: ForeignLexeme[] = []
  const levels: Level[] = []
  let flow = 0
  let offset = 0
  let lineStart = 0
  let keyStart: number | undefined
  for (const { type, text } of lexemes) {
    if (type === 'scalar' || type === 'flow-error-end') continue
    if (type === 'doc-mode') {
      levels.length = 0
      flow = 0
      continue
    }
    const message = foreignMessage(type, text)
    if (message !== undefined) foreign.push({ offset, message })
    const column = offset - lineStart
    if (type === 'flow-map-start' || type === 'flow-seq-start') flow++
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flow = Math.max(0, flow - 1)
    else if (flow === 0 && type === 'seq-item-ind') enter(levels, { column, kind: 'seq' })
    else if (flow === 0 && type === 'explicit-key-ind') enter(levels, { column, kind: 'map' })
    else if (flow === 0 && type === 'map-value-ind') {
      enter(levels, { column: (keyStart ?? offset) - lineStart, kind: 'map' })
    }
    if (levels.length + flow > depthMax) return { tooDeep: offset, foreign }
    if (flow === 0 && type !== 'space') {
      keyStart = STARTS_NODE.has(type ?? '') ? undefined : (keyStart ?? offset)
    }
    const lastBreak = text.lastIndexOf('\n')
    if (lastBreak >= 0) lineStart = offset + lastBreak + 1
    offset += text.length
  }
  return { foreign }
}

/** Tags that only say what the core schema would find out anyway, or that it is text. */
const CORE_TAGS = new Set(['!!map', '!!seq', '!!str', '!!int', '!!float', '!!bool', '!!null'])

function foreignMessage(type: string | null, text: string): string | undefined {
  switch (type) {
    case 'anchor':
      return `the anchor "${text}" is not allowed`
    case 'alias':
      return `the alias "${text}" is not allowed: write the value out`
    case 'tag':
      return CORE_TAGS.has(text) ? undefined : `the tag "${text}" is not allowed`
    case 'directive-line':
      // "%YAML 1.1" would make truth values of yes and no.
      return `the directive "${text.trim()}" is not allowed`
    case null:
    default:
      return undefined
  }
}

/** After these a new node, so perhaps a key, begins. */
const STARTS_NODE = new Set(['newline', 'seq-item-ind', 'explicit-key-ind', 'map-value-ind'])

/** A list may stand at the column of the key that holds it; everything else must be deeper. */
function enter(levels: Level[], level: Level): void {
  for (let top = levels.at(-1); top !== undefined; top = levels.at(-1)) {
    if (top.column < level.column) break
    if (top.column === level.column && top.kind === 'map' && level.kind === 'seq') break
    levels.pop()
  }
  levels.push(level)
}
