/** One member of an object, however deep: where it stands and what it is. */
export interface JsonMember {
  /** Names from the outside in, joined by dots, still escaped as in JSON. */
  readonly path: string
  /** The value as it was written, quotes included. */
  readonly source: string
}

/**
 * Every value of a JSON object that is no object itself, with its dotted path, in the order
 * written; `prefix` stands before each. Arrays stay whole. The text must be valid JSON that begins in an object, nested no
 * deeper than a stack takes: the caller has scanned it.
 */
export function jsonMembers(text: string, prefix = ''): JsonMember[] {
  const found: JsonMember[] = []
  collect(text, text.indexOf('{') + 1, prefix, found)
  return found
}

/** A name as it stands in a member's path. */
export function escapedName(name: string): string {
  return JSON.stringify(name).slice(1, -1)
}

/** Reads an object from behind its bracket; returns the place behind the closing one. */
function collect(text: string, from: number, prefix: string, found: JsonMember[]): number {
  let i = skipSpace(text, from)
  while (text[i] !== '}') {
    const nameEnd = textEnd(text, i)
    const name = plainName(text.slice(i + 1, nameEnd - 1))
    const path = prefix + name
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1)
    let end: number
    if (text[start] === '{' && text[skipSpace(text, start + 1)] !== '}') {
      end = collect(text, start + 1, `${path}.`, found)
    } else {
      end = valueEnd(text, start)
      found.push({ path, source: text.slice(start, end) })
    }
    i = skipSpace(text, end)
    if (text[i] === ',') i = skipSpace(text, i + 1)
  }
  return i + 1
}

/** The same name in one spelling: escapes that need not be are undone. */
function plainName(written: string): string {
  return written.includes('\\') ? escapedName(JSON.parse(`"${written}"`) as string) : written
}

function valueEnd(text: string, start: number): number {
  const first = text[start]!
  if (first === '"') return textEnd(text, start)
  let i = start
  if (first !== '{' && first !== '[') {
    while (!',}] \n\r\t'.includes(text[i]!)) i++
    return i
  }
  let depth = 0
  do {
    const letter = text[i]!
    if (letter === '"') {
      i = textEnd(text, i)
      continue
    }
    if (letter === '{' || letter === '[') depth++
    else if (letter === '}' || letter === ']') depth--
    i++
  } while (depth > 0)
  return i
}

/** Behind the closing quote of the text that begins here. */
function textEnd(text: string, start: number): number {
  for (let i = start + 1; ; i++) {
    const letter = text.charCodeAt(i)
    if (letter === 0x22) return i + 1
    if (letter === 0x5c) i++
  }
}

function skipSpace(text: string, from: number): number {
  let i = from
  for (;;) {
    const letter = text.charCodeAt(i)
    if (letter !== 0x20 && letter !== 0x0a && letter !== 0x0d && letter !== 0x09) return i
    i++
  }
}
