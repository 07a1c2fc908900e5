import { syntaxFault } from './query-fault.ts'

/** What Lucene's classic query parser (8.x) calls its terminals. */
export type TokenKind =
  | 'and'
  | 'or'
  | 'not'
  | 'plus'
  | 'minus'
  | 'open'
  | 'close'
  | 'colon'
  | 'star'
  | 'term'
  | 'bare-operator'
  | 'prefix'
  | 'wildcard'
  | 'quoted'
  | 'regex'
  | 'fuzzy'
  | 'boost'
  | 'range-start'
  | 'range-text'
  | 'range-quoted'
  | 'range-to'
  | 'range-end'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** As written, with quotes, escapes and wildcards. */
  readonly raw: string
  /** Offset into the query, in UTF-16 units. */
  readonly at: number
}

/**
 * Splits a query into tokens as Lucene's own lexer does: the longest token wins, and of two equally
 * long ones the operator (`AND`) before the word. Throws a {@link QueryFault}.
 */
export function tokenise(query: string): Token[] {
  const tokens: Token[] = []
  let inRange: Token | undefined
  let i = 0
  while (i < query.length) {
    if (BLANK.test(query[i]!)) {
      i++
      continue
    }
    const token = inRange === undefined ? nextToken(query, i) : nextRangeToken(query, i)
    if (token.kind === 'range-start') inRange = token
    else if (token.kind === 'range-end') inRange = undefined
    tokens.push(token)
    i += token.raw.length
  }
  if (inRange !== undefined) {
    const example = `"${inRange.raw}400 TO 499]"`
    throw syntaxFault(inRange.at, 1, `the range that begins here has no end, as in ${example}`)
  }
  tokens.push({ kind: 'end', raw: '', at: query.length })
  return tokens
}

/**
 * The text of a token: without backslashes, `\u0041` being a character by its code. `shift` is how
 * much of the token before `raw` was taken off.
 */
export function unescaped(token: Token, shift = 0): string {
  if (!token.raw.includes('\\')) return token.raw
  return token.raw.replaceAll(
    /\\(u([0-9a-fA-F]{4})|[^])/g,
    (written, next: string, code: string | undefined, at: number) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
      if (next !== 'u') return next
      throw syntaxFault(
        token.at + shift + at,
        written.length,
        '"\\u" needs four hexadecimal digits',
      )
    },
  )
}

const BLANK = /[ \t\n\r\u3000]/
const SINGLE: Readonly<Record<string, TokenKind>> = {
  '(': 'open',
  ')': 'close',
  ':': 'colon',
  '[': 'range-start',
  '{': 'range-start',
  '+': 'plus',
  '-': 'minus',
  '!': 'not',
}
const WORDS: Readonly<Record<string, TokenKind>> = {
  AND: 'and',
  '&&': 'and',
  OR: 'or',
  '||': 'or',
  NOT: 'not',
  '*': 'star',
}

function nextToken(query: string, at: number): Token {
  const first = query[at]!
  // An operator followed by a blank is a word of one character: "- fox" searches for "-".
  if (/[-+!]/.test(first) && BLANK.test(query[at + 1] ?? '')) {
    return { kind: 'bare-operator', raw: first, at }
  }
  const single = SINGLE[first]
  if (single !== undefined) return { kind: single, raw: first, at }
  if (first === ']' || first === '}') {
    throw syntaxFault(
      at,
      1,
      `"${first}" ends a range that was not begun; escape it as "\\${first}"`,
    )
  }
  if (first === '"') return delimited(query, at, 'quoted', 'phrase')
  if (first === '/') return delimited(query, at, 'regex', 'regular expression')
  const suffix = sticky(/[~^](\d+(\.\d+)?)?/y, query, at)
  if (suffix !== undefined) return { kind: first === '~' ? 'fuzzy' : 'boost', raw: suffix, at }
  return wordToken(query, at)
}

/** A run up to the same delimiter, over escaped characters. */
function delimited(query: string, at: number, kind: TokenKind, what: string): Token {
  const delimiter = query[at]!
  for (let i = at + 1; i < query.length; i++) {
    if (query[i] === '\\') i++
    else if (query[i] === delimiter) return { kind, raw: query.slice(at, i + 1), at }
  }
  const hint = delimiter === '/' ? '; a slash inside a word is written "\\/"' : ''
  throw syntaxFault(at, 1, `the ${what} that begins with ${delimiter} has no end${hint}`)
}

function wordToken(query: string, at: number): Token {
  const raw = sticky(/(?:\\[^]|[^ \t\n\r\u3000!():^[\]"{}~\\/])+/y, query, at)
  if (raw === undefined || query[at + raw.length] === '\\') {
    const end = at + (raw?.length ?? 0)
    throw syntaxFault(
      end,
      1,
      'the backslash at the end escapes nothing; a backslash is written "\\\\"',
    )
  }
  const special = Object.hasOwn(WORDS, raw) ? WORDS[raw] : undefined
  if (special !== undefined) return { kind: special, raw, at }
  const bare = raw.replaceAll(/\\[^]/g, '__')
  const wildcard = bare.search(/[*?]/)
  if (wildcard < 0) return { kind: 'term', raw, at }
  const isPrefix = wildcard === raw.length - 1 && bare.endsWith('*')
  return { kind: isPrefix ? 'prefix' : 'wildcard', raw, at }
}

/** Inside brackets only blanks and closing brackets end a bound. */
function nextRangeToken(query: string, at: number): Token {
  const first = query[at]!
  if (first === ']' || first === '}') return { kind: 'range-end', raw: first, at }
  if (first === '"') {
    const { raw } = delimited(query, at, 'range-quoted', 'quoted bound')
    return { kind: 'range-quoted', raw, at }
  }
  const raw = sticky(/[^ \]}]+/y, query, at)!
  return { kind: raw === 'TO' ? 'range-to' : 'range-text', raw, at }
}

function sticky(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}
