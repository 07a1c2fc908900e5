import { unescaped, type Token, type TokenKind } from './graylog-lexer.ts'
import { syntaxFault, unsupportedFault } from './query-fault.ts'

/** The name before a colon. */
export function fieldName(token: Token): string {
  const name = unescaped(token)
  if (!/[*?]/.test(name)) return name
  throw unsupportedFault(
    token.at,
    token.raw.length,
    `"${name}" names several fields at once; name each field`,
  )
}

/** Why a word with wildcards is refused. */
export function wildcardFault(token: Token): Error {
  const leads = /^[*?]/.test(token.raw)
  const why = leads
    ? 'a wildcard at the start would have to look at every value, and Graylog refuses it too by default'
    : 'wildcards inside a word come in a later version; one * at its end is understood'
  return unsupportedFault(token.at, token.raw.length, `"${token.raw}": ${why}`)
}

/** A date that moves with the clock. */
export function isDateMath(text: string): boolean {
  return /^now([-+/].*)?$|\|\|/s.test(text)
}

/** Refuses `now-5d` and `2026-01-01||/M`. Throws a `QueryFault`. */
export function refuseDateMath(text: string, token: Token): void {
  if (!isDateMath(text)) return
  throw unsupportedFault(
    token.at,
    token.raw.length,
    `"${text}": dates relative to now come in a later version`,
  )
}

/** A token where the grammar has no place for it, with a hint for the usual slips. */
export function unexpected(token: Token): Error {
  const length = Math.max(1, token.raw.length)
  const hints: Partial<Record<TokenKind, string>> = {
    colon: '; a colon inside a value is written "\\:" or the value is quoted',
    and: '; an operator stands between two parts, and as a word it is quoted',
    or: '; an operator stands between two parts, and as a word it is quoted',
    not: '; NOT stands once, before what it denies',
    minus: '; a negative number is quoted, as in code:"-1"',
  }
  const expected = 'expected a word, a "phrase", field:value, a range or a group'
  return syntaxFault(
    token.at,
    length,
    `found ${named(token)} where it cannot stand: ${expected}${hints[token.kind] ?? ''}`,
  )
}

/** A token as messages name it. */
export function named(token: Token): string {
  return token.kind === 'end' ? 'the end of the query' : `"${token.raw}"`
}
