import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** One place of a planted bug. */
export interface Edit {
  readonly file: string
  /**
   * Code that stands exactly once in the file; how it is laid out does not matter: white space,
   * the kind of quotes and trailing commas may differ.
   */
  readonly find: string
  /** What stands there instead; `$&` is what was found. */
  readonly replace: string
}

/**
 * Makes an edit in a copy of the project at `root`. Throws an Error, which says what to do, when
 * the code is not there exactly once: it has moved on, and the bug has to be written anew.
 */
export function plant(root: string, edit: Edit): void {
  const path = join(root, edit.file)
  writeFileSync(path, planted(readFileSync(path, 'utf8'), edit))
}

/** The text of the file with the edit in it; throws as {@link plant} does. */
export function planted(text: string, { file, find, replace }: Edit): string {
  const times = text.match(layoutFree(find, 'g'))?.length ?? 0
  if (times === 1) return text.replace(layoutFree(find, ''), replace)
  throw new Error(
    `${file} has the code "${find}" ${times} times, expected once: say in ` +
      'test/simulation/mutant-list.ts where this bug would stand now',
  )
}

const TOKEN = /[\p{ID_Start}$_#][\p{ID_Continue}$]*|'[^']*'|"[^"]*"|\d[\d_.]*|\S/gu
const WORD = /^[\p{ID_Continue}$#]+$/u

/** A pattern for code in any layout. */
function layoutFree(code: string, flags: string): RegExp {
  const tokens = code.match(TOKEN) ?? []
  const parts = tokens.map((token, i) => {
    const before = tokens[i - 1]
    if (before === undefined) return oneToken(token)
    if (WORD.test(before) && WORD.test(token)) return `\\s+${oneToken(token)}`
    // A trailing comma may come and go with the line break.
    if (/[)\]}]/.test(token) && before !== ',') return `\\s*,?\\s*${oneToken(token)}`
    return `\\s*${oneToken(token)}`
  })
  return new RegExp(parts.join(''), flags)
}

function oneToken(token: string): string {
  const isString = /^(['"]).*\1$/s.test(token)
  return isString ? `['"]${escaped(token.slice(1, -1))}['"]` : escaped(token)
}

function escaped(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
}
