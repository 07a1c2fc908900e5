/**
 * The words of an analysed field (`message`, `full_message`), as Lucene's standard analyser with
 * its defaults makes them: word boundaries of Unicode UAX #29, lower-cased, no stop words, and
 * words longer than 255 characters cut. Han and Hiragana give one word per character.
 */
export function words(text: string): string[] {
  const found: string[] = []
  let i = 0
  while (i < text.length) {
    const start = i
    const first = classAt(text, i)
    i += width(text, i)
    if (BETWEEN_WORDS.has(first)) continue
    if (first === SINGLE) {
      i = skipExtends(text, i)
      found.push(lowerCased(text.slice(start, i)))
      continue
    }
    let last = first
    let hasContent = first !== CONNECTOR
    for (;;) {
      const next = skipExtends(text, i)
      const following = classAt(text, next)
      if (joins(last, following)) {
        hasContent ||= following !== CONNECTOR
        last = following
        i = next + width(text, next)
        continue
      }
      const beyond = skipExtends(text, next + width(text, next))
      if (bridges(last, following, classAt(text, beyond))) {
        last = classAt(text, beyond)
        i = beyond + width(text, beyond)
        continue
      }
      i = next
      break
    }
    if (!hasContent) continue
    const word = lowerCased(text.slice(start, i))
    for (let cut = 0; cut < word.length; cut += WORD_MAX)
      found.push(word.slice(cut, cut + WORD_MAX))
  }
  return found
}

const WORD_MAX = 255

/**
 * Lower case letter by letter, as Java's `Character.toLowerCase` does it: a final sigma stays a
 * sigma and `İ` becomes a plain `i`, whatever stands around.
 */
export function lowerCased(text: string): string {
  if (!NOT_ASCII.test(text)) return text.toLowerCase()
  let lower = ''
  for (const letter of text) lower += letter === 'İ' ? 'i' : letter.toLowerCase()
  return lower
}

// oxlint-disable-next-line no-control-regex -- the range is all of ASCII
const NOT_ASCII = /[^\0-\x7f]/

// Classes of UAX #29 as far as they decide where words end.
const OTHER = 0
const LETTER = 1
const DIGIT = 2
const KATAKANA = 3
/** Joins letters, digits and itself: `_`. */
const CONNECTOR = 4
/** Between two letters: `:` and the middle dot. */
const MID_LETTER = 5
/** Between two digits: `,` and `;`. */
const MID_NUMBER = 6
/** Between two letters or two digits: `.` and the apostrophe. */
const MID_BOTH = 7
/** A word by itself: Han, Hiragana, emoji. */
const SINGLE = 8
/** Belongs to what stands before: combining marks, format characters. */
const EXTEND = 9
/** Thai, Lao, Khmer, Myanmar: a run is one word. */
const COMPLEX = 10

const BETWEEN_WORDS = new Set([OTHER, MID_LETTER, MID_NUMBER, MID_BOTH, EXTEND])

/** UAX #29 rules WB5, WB8, WB9, WB10, WB13, WB13a, WB13b. */
function joins(last: number, next: number): boolean {
  if (next === CONNECTOR) return last !== COMPLEX
  if (last === CONNECTOR) return next === LETTER || next === DIGIT || next === KATAKANA
  if (last === LETTER || last === DIGIT) return next === LETTER || next === DIGIT
  return (last === KATAKANA || last === COMPLEX) && next === last
}

/** UAX #29 rules WB6, WB7, WB11, WB12. (The quotes inside Hebrew words, WB7a–c, end a word here.) */
function bridges(last: number, mid: number, next: number): boolean {
  if (last === LETTER && next === LETTER) return mid === MID_LETTER || mid === MID_BOTH
  return last === DIGIT && next === DIGIT && (mid === MID_NUMBER || mid === MID_BOTH)
}

function skipExtends(text: string, from: number): number {
  let i = from
  while (i < text.length && text.charCodeAt(i) > 0x7f && classAt(text, i) === EXTEND) {
    i += width(text, i)
  }
  return i
}

function width(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return unit >= 0xd800 && unit < 0xdc00 && at + 1 < text.length ? 2 : 1
}

const ASCII = new Uint8Array(128).map((_, code) => {
  const character = String.fromCharCode(code)
  if (/[A-Za-z]/.test(character)) return LETTER
  if (/[0-9]/.test(character)) return DIGIT
  return (
    {
      _: CONNECTOR,
      ':': MID_LETTER,
      ',': MID_NUMBER,
      ';': MID_NUMBER,
      '.': MID_BOTH,
      "'": MID_BOTH,
    }[character] ?? OTHER
  )
})

/** Bounded: classes of the Basic Multilingual Plane only. */
const known = new Uint8Array(0x10000)

function classAt(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  if (unit < 128) return ASCII[unit]!
  if (Number.isNaN(unit)) return OTHER
  const isPair = width(text, at) === 2
  if (!isPair && known[unit]! > 0) return known[unit]! - 1
  const found = classOf(String.fromCodePoint(text.codePointAt(at)!))
  if (!isPair) known[unit] = found + 1
  return found
}

function classOf(character: string): number {
  for (const [kind, pattern] of CLASSES) if (pattern.test(character)) return kind
  return OTHER
}

const CLASSES: readonly (readonly [number, RegExp])[] = [
  [MID_LETTER, /[·՟״‧︓﹕：·]/],
  [MID_NUMBER, /[;։،؍٬߸⁄︐︔﹐﹔，；]/],
  [MID_BOTH, /[‘’․﹒＇．]/],
  [EXTEND, /[\p{M}\p{Cf}\u200c\u200d]/u],
  [SINGLE, /[\p{Script=Han}\p{Script=Hiragana}\p{Emoji_Presentation}]/u],
  [KATAKANA, /[\p{Script=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]/u],
  [COMPLEX, /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u],
  [DIGIT, /\p{Nd}/u],
  [CONNECTOR, /[\p{Pc}\u202f]/u],
  [LETTER, /\p{Alphabetic}/u],
]
