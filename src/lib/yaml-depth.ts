/** A piece of YAML text and what the library's lexer calls it; `null` for the text of a scalar. */
export interface YamlLexeme {
  readonly type: string | null
  readonly text: string
}

interface Level {
  readonly column: number
  readonly kind: 'map' | 'seq'
}

/**
 * Offset at which YAML nests deeper than `max`; `undefined` when it nowhere does. Runs before
 * any parser builds something from the text: the parser recurses over depth, and a stack that is
 * nearly used up can end the whole process.
 *
 * Works on the lexemes of the library, whose lexer keeps a counter and no stack. Flow depth is counted from
 * brackets (those in quotes, comments and block scalars are other lexemes); block depth is the
 * number of indicator columns that a place stands inside.
 */
export function findTooDeep(lexemes: Iterable<YamlLexeme>, max: number): number | undefined {
  const levels: Level[] = []
  let flow = 0
  let offset = 0
  let lineStart = 0
  let keyStart: number | undefined
  let isContent = false
  for (const lexeme of lexemes) {
    const type: string | null = isContent ? null : lexeme.type
    isContent = type === 'scalar'
    if (type === 'scalar' || type === 'flow-error-end') continue
    if (type === 'doc-mode') {
      levels.length = 0
      flow = 0
      continue
    }
    const column = offset - lineStart
    if (type === 'flow-map-start' || type === 'flow-seq-start') flow++
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flow = Math.max(0, flow - 1)
    else if (flow === 0 && type === 'seq-item-ind') enter(levels, { column, kind: 'seq' })
    else if (flow === 0 && type === 'explicit-key-ind') enter(levels, { column, kind: 'map' })
    else if (flow === 0 && type === 'map-value-ind') {
      enter(levels, { column: (keyStart ?? offset) - lineStart, kind: 'map' })
    }
    if (levels.length + flow > max) return offset
    if (flow === 0 && type !== 'space') {
      keyStart = STARTS_NODE.has(type ?? '') ? undefined : (keyStart ?? offset)
    }
    const lastBreak = lexeme.text.lastIndexOf('\n')
    if (lastBreak >= 0) lineStart = offset + lastBreak + 1
    offset += lexeme.text.length
  }
  return undefined
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
