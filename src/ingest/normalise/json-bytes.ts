/**
 * JSON's small parts as bytes (RFC 8259): pure functions over a buffer and a place in it. They may
 * look a few bytes beyond a record that is cut off, but never accept what they find there: the
 * caller's next byte would have to lie in the record.
 */

/** What stands at a place is not JSON. */
export const BAD_JSON = -1

/** What a member's value is, as its first byte says. */
export const KIND = { text: 0, number: 1, boolean: 2, null: 3, container: 4 } as const

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

export function skipSpace(bytes: Buffer, from: number): number {
  let i = from
  while (isSpace(bytes[i]!)) i++
  return i
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** For the reason only: does this begin like a JSON value that is not an object? */
export function beginsOtherValue(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x5b || bytes[at] === 0x22 || scalarEnd(bytes, at) > 0
}

export function kindOf(first: number): number {
  if (first === 0x7b || first === 0x5b) return KIND.container
  if (first === 0x74 || first === 0x66) return KIND.boolean
  return first === 0x6e ? KIND.null : KIND.number
}

/** Behind a number, `true`, `false` or `null` that begins here; negative when it is none. */
export function scalarEnd(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first === 0x74) return isWord(bytes, at, 0x72, 0x75, 0x65) ? at + 4 : BAD_JSON
  if (first === 0x6e) return isWord(bytes, at, 0x75, 0x6c, 0x6c) ? at + 4 : BAD_JSON
  if (first === 0x66)
    return isWord(bytes, at + 1, 0x6c, 0x73, 0x65) && bytes[at + 1] === 0x61 ? at + 5 : BAD_JSON
  let i = first === 0x2d ? at + 1 : at
  if (bytes[i] === 0x30) {
    i++
  } else {
    if (!isDigit(bytes[i]!)) return BAD_JSON
    do i++
    while (isDigit(bytes[i]!))
  }
  if (bytes[i] === 0x2e) {
    i++
    if (!isDigit(bytes[i]!)) return BAD_JSON
    do i++
    while (isDigit(bytes[i]!))
  }
  if (bytes[i] === 0x65 || bytes[i] === 0x45) {
    i++
    if (bytes[i] === 0x2b || bytes[i] === 0x2d) i++
    if (!isDigit(bytes[i]!)) return BAD_JSON
    do i++
    while (isDigit(bytes[i]!))
  }
  return i
}

function isWord(bytes: Buffer, at: number, second: number, third: number, fourth: number): boolean {
  return bytes[at + 1] === second && bytes[at + 2] === third && bytes[at + 3] === fourth
}

/** Behind the escape whose letter stands here; negative when it is none. */
export function escapeEnd(bytes: Buffer, at: number): number {
  const letter = bytes[at]!
  if (letter !== 0x75) return '"\\/bfnrt'.includes(String.fromCharCode(letter)) ? at + 1 : BAD_JSON
  for (let i = at + 1; i < at + 5; i++) {
    const byte = bytes[i]!
    const lower = byte | 0x20
    if (!isDigit(byte) && !(lower >= 0x61 && lower <= 0x66)) return BAD_JSON
  }
  return at + 5
}
