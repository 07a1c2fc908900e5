/** A text value, the library's name for its style, and where it stands in the source. */
export interface WrittenScalar {
  readonly value: string
  readonly type: string | undefined
  readonly start: number
  readonly end: number
}

/**
 * The offset in the source at which character `index` of a value was written. Walks value and
 * source side by side. Where they differ, the source holds an
 * escape, a doubled quote, or a line break with indentation that became a blank or a line feed.
 */
export function sourceOffset(source: string, scalar: WrittenScalar, index: number): number {
  const { value, type, start, end } = scalar
  let at = start
  if (type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE') at++
  else if (type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED') {
    at = skipBlanks(source, source.indexOf('\n', start) + 1, end)
  }
  for (let i = 0; i < index && i < value.length && at < end; i++) {
    const isBlank = value[i] === ' ' || value[i] === '\n'
    const written = source[at]
    if (isBlank && (written === '\n' || written === '\r')) {
      at = value[i] === '\n' && type === 'BLOCK_LITERAL' ? at + 1 : at
      at = skipBlanks(source, at, end)
    } else if (type === 'QUOTE_DOUBLE' && written === '\\') at += escapeLength(source, at)
    else if (type === 'QUOTE_SINGLE' && written === "'") at += 2
    else at++
  }
  return Math.min(at, end)
}

function skipBlanks(source: string, from: number, end: number): number {
  let at = from
  while (at < end && /[ \t\r\n]/.test(source[at]!)) at++
  return at
}

/** YAML 1.2.2 §5.7. */
function escapeLength(source: string, at: number): number {
  return ({ x: 4, u: 6, U: 10 } as Record<string, number>)[source[at + 1] ?? ''] ?? 2
}
