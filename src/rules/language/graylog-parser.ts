import { tokenise, unescaped, type Token, type TokenKind } from './graylog-lexer.ts'
import { syntaxFault, unsupportedFault } from './query-fault.ts'
import {
  QUERY_CLAUSES_MAX,
  QUERY_DEPTH_MAX,
  type Clause,
  type QueryNode,
  type QueryNote,
  type Where,
} from './query-node.ts'
import { fieldName, named, refuseDateMath, unexpected, wildcardFault } from './query-refusals.ts'

/** Reads a query. Throws a `QueryFault` that says where and why it was refused. */
export function parseQuery(query: string): {
  readonly node: QueryNode
  readonly notes: readonly QueryNote[]
} {
  const parser = new Parser(tokenise(query))
  return { node: parser.whole(), notes: parser.notes }
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly notes: QueryNote[] = []
  #next = 0
  #depth = 0
  #clauses = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): QueryNode {
    const first = this.#peek()
    if (first.kind === 'end') {
      const meaning = 'an empty query means everything to Graylog and nothing to its search engine'
      throw unsupportedFault(first.at, 0, `${meaning}: write * to match every event`)
    }
    const node = this.#clauseList(null)
    const rest = this.#peek()
    if (rest.kind !== 'end') throw unexpected(rest)
    return node
  }

  #clauseList(field: string | null): QueryNode {
    const start = this.#peek()
    const clauses: Clause[] = []
    do {
      this.#clauses++
      if (this.#clauses > QUERY_CLAUSES_MAX) {
        throw unsupportedFault(
          this.#peek().at,
          1,
          `more than ${QUERY_CLAUSES_MAX} clauses in one query`,
        )
      }
      const run = this.#wordRun(field)
      if (run !== undefined) {
        clauses.push({ joined: 'bare', sign: 'plain', node: run })
        continue
      }
      const joined = clauses.length > 0 ? this.#conjunction() : 'bare'
      const sign = this.#sign()
      clauses.push({ joined, sign, node: this.#clause(field) })
    } while (!ENDS_LIST.has(this.#peek().kind))
    const [only] = clauses
    if (clauses.length === 1 && only?.sign === 'plain') return only.node
    return { kind: 'clauses', clauses, at: this.#since(start) }
  }

  /**
   * Two or more words side by side are one text for the field's analyser, so `user:(bob smith)` is
   * the exact value "bob smith". The last word before an operator stays apart.
   */
  #wordRun(field: string | null): QueryNode | undefined {
    const joinsNext = (): boolean =>
      this.#peek().kind === 'term' && !NEVER_AFTER_RUN.has(this.#peek(1).kind)
    const start = this.#peek()
    if (
      start.kind !== 'term' ||
      this.#peek(1).kind !== 'term' ||
      NEVER_AFTER_RUN.has(this.#peek(2).kind)
    ) {
      return undefined
    }
    const texts = [unescaped(this.#take())]
    while (joinsNext()) texts.push(unescaped(this.#take()))
    const at = this.#since(start)
    if (field !== null && texts.some((text) => /^[<>]/.test(text))) {
      const message = 'words side by side are one value here; join comparisons with AND'
      this.notes.push({ ...at, code: 'comparison-run', message })
    }
    return this.#word(field, texts.join(' '), start, at)
  }

  #conjunction(): Clause['joined'] {
    const { kind } = this.#peek()
    if (kind !== 'and' && kind !== 'or') return 'bare'
    this.#take()
    return kind
  }

  #sign(): Clause['sign'] {
    const { kind } = this.#peek()
    if (kind !== 'plus' && kind !== 'minus' && kind !== 'not') return 'plain'
    this.#take()
    return kind === 'plus' ? 'required' : 'prohibited'
  }

  #clause(outer: string | null): QueryNode {
    let field = outer
    const start = this.#peek()
    if (this.#peek(1).kind === 'colon' && (start.kind === 'term' || start.kind === 'star')) {
      field = start.kind === 'star' ? null : fieldName(start)
      this.#take()
      this.#take()
      if (start.kind === 'star' && this.#peek().kind === 'star') {
        this.#take()
        this.#refuseSuffix()
        return { kind: 'everything', at: this.#since(start) }
      }
    }
    if (this.#peek().kind !== 'open') return this.#single(field, start)
    const open = this.#take()
    this.#depth++
    if (this.#depth > QUERY_DEPTH_MAX) {
      throw unsupportedFault(
        open.at,
        1,
        `parentheses are nested deeper than ${QUERY_DEPTH_MAX} levels`,
      )
    }
    const inner = this.#clauseList(field)
    const close = this.#take()
    if (close.kind === 'end')
      throw syntaxFault(open.at, 1, 'the parenthesis that opens here is not closed')
    if (close.kind !== 'close') throw unexpected(close)
    this.#depth--
    this.#refuseSuffix()
    return inner
  }

  #single(field: string | null, start: Token): QueryNode {
    const token = this.#take()
    if (token.kind === 'wildcard') throw wildcardFault(token)
    if (token.kind === 'regex') {
      const message =
        'regular expressions come in a later version; a slash in a word is written "\\/"'
      throw unsupportedFault(token.at, token.raw.length, message)
    }
    if (token.kind === 'range-start') return this.#range(field, token, start)
    this.#refuseSuffix()
    const at = this.#since(start)
    if (token.kind === 'term') return this.#word(field, unescaped(token), token, at)
    if (token.kind === 'star') {
      return field === null ? { kind: 'everything', at } : this.#test('exists', field, '*', at)
    }
    if (token.kind === 'prefix') {
      const text = unescaped({ ...token, raw: token.raw.slice(0, -1) })
      return this.#test('prefix', field, text, at)
    }
    if (token.kind === 'quoted') {
      const text = unescaped({ ...token, raw: token.raw.slice(1, -1) }, 1)
      return this.#test('phrase', field, text, at)
    }
    if (token.kind !== 'bare-operator') throw unexpected(token)
    this.#note(token, `"${token.raw}" before a blank is a word to search for, not an operator`)
    return this.#test('term', field, token.raw, at)
  }

  /** `>500` and its kin are words to the lexer; with a field they are open ranges. */
  #word(field: string | null, text: string, token: Token, at: Where): QueryNode {
    if (field !== null && /^[<>]=?$/.test(text)) {
      this.#note(
        token,
        `"${text}" before a blank compares with nothing; write the value directly after it`,
      )
    }
    const comparison = field === null || text.length < 2 ? null : /^([<>])(=(?=[^]))?/.exec(text)
    if (field === null || comparison === null || field === '_exists_') {
      return this.#test('term', field, text, at)
    }
    const bound = { text: text.slice(comparison[0].length), inclusive: comparison[2] !== undefined }
    refuseDateMath(bound.text, token)
    const isLower = comparison[1] === '>'
    return {
      kind: 'range',
      field,
      lower: isLower ? bound : null,
      upper: isLower ? null : bound,
      at,
    }
  }

  #range(field: string | null, open: Token, start: Token): QueryNode {
    const lower = this.#bound()
    const to = this.#take()
    if (to.kind !== 'range-to') {
      throw syntaxFault(
        to.at,
        to.raw.length,
        `expected TO between the two bounds, as in "[400 TO 499]", found "${to.raw}"`,
      )
    }
    const upper = this.#bound()
    const close = this.#take()
    if (close.kind !== 'range-end') {
      throw syntaxFault(
        close.at,
        close.raw.length,
        `expected "]" or "}" after the second bound, found "${close.raw}"; a bound with blanks needs quotes`,
      )
    }
    this.#refuseSuffix()
    if (field === '_exists_')
      throw unsupportedFault(open.at, 1, '_exists_ takes the name of a field, not a range')
    return {
      kind: 'range',
      field,
      lower: lower === null ? null : { text: lower, inclusive: open.raw === '[' },
      upper: upper === null ? null : { text: upper, inclusive: close.raw === ']' },
      at: this.#since(start),
    }
  }

  #bound(): string | null {
    const token = this.#take()
    if (token.kind === 'range-quoted')
      return unescaped({ ...token, raw: token.raw.slice(1, -1) }, 1)
    if (token.kind !== 'range-text') {
      throw syntaxFault(
        token.at,
        Math.max(1, token.raw.length),
        `expected a bound (a value or *), found ${named(token)}`,
      )
    }
    if (token.raw === '*') return null
    const text = unescaped(token)
    refuseDateMath(text, token)
    return text
  }

  #test(
    kind: 'term' | 'phrase' | 'prefix' | 'exists',
    field: string | null,
    text: string,
    at: Where,
  ): QueryNode {
    if (field !== '_exists_') {
      return kind === 'exists' ? { kind, field: field ?? '', at } : { kind, field, text, at }
    }
    if (kind === 'prefix' || /[*?]/.test(text)) {
      throw unsupportedFault(at.at, at.length, '_exists_ takes the whole name of one field')
    }
    return { kind: 'exists', field: text, at }
  }

  #note(token: Token, message: string): void {
    this.notes.push({ at: token.at, length: token.raw.length, code: 'lone-operator', message })
  }

  /** `^2`, `~1` and `~` after a term, phrase, range or group. */
  #refuseSuffix(): void {
    const token = this.#peek()
    if (token.kind === 'boost') {
      if (token.raw === '^')
        throw syntaxFault(token.at, 1, '"^" needs a number; as a character it is written "\\^"')
      throw unsupportedFault(
        token.at,
        token.raw.length,
        `the boost "${token.raw}" has no meaning without scores: leave it out`,
      )
    }
    if (token.kind === 'fuzzy') {
      throw unsupportedFault(
        token.at,
        token.raw.length,
        `"${token.raw}" (fuzzy words, distance in phrases) comes in a later version`,
      )
    }
  }

  #peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!
  }

  #take(): Token {
    const token = this.#peek()
    if (this.#next < this.#tokens.length - 1) this.#next++
    return token
  }

  /** From a token to the last one taken. */
  #since(start: Token): Where {
    const last = this.#tokens[Math.max(0, this.#next - 1)]!
    return { at: start.at, length: Math.max(1, last.at + last.raw.length - start.at) }
  }
}

const ENDS_LIST: ReadonlySet<TokenKind> = new Set(['end', 'close'])
/** The parser must see that a word is plain before it joins a run of words. */
const NEVER_AFTER_RUN: ReadonlySet<TokenKind> = new Set([
  'colon',
  'star',
  'fuzzy',
  'boost',
  'and',
  'or',
])
