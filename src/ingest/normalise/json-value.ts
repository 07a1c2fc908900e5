import type { FieldValue } from '../../model/event.ts'

/**
 * A JSON number as a value: a `number` where that says the same as the text, else the text. So
 * 9007199254740993 and 1e999 stay what was sent (row G4). Fractions are taken as the nearest
 * double, as every search engine does.
 */
export function numberValue(text: string): FieldValue {
  const value = Number(text)
  if (!Number.isFinite(value)) return text
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return isExact(text, value) ? value : text
  if (value === 0 && /[1-9]/.test(text.split(/[eE]/, 1)[0]!)) return text
  return value
}

/** A whole number of up to nine digits straight from the bytes, the usual kind; else -1. */
export function smallWhole(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > 9) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** Whether a whole double above 2^53 is exactly the number written. */
function isExact(text: string, value: number): boolean {
  const written = significant(text)
  return written === significant(String(value)) || written === significant(BigInt(value).toString())
}

/** Sign, digits without zeros around them, and the power of ten of the last digit. */
function significant(text: string): string {
  const [, sign, whole, fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  return `${sign}${kept}e${Number(power) - fraction.length + digits.length - kept.length}`
}

/**
 * A valid JSON text without the spaces between its tokens and with its texts written in one way,
 * which is how Graylog keeps arrays and objects. Numbers stay as written. Walks the text; never
 * recursive.
 */
export function compactJson(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[\t\n\r ]+/g, (token) => {
    if (token[0] !== '"') return ''
    return token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token
  })
}

/** The text cut to at most `maxBytes` of UTF-8, at the end of a character. */
export function cutText(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= maxBytes) return text
  let end = maxBytes
  // A byte 10xxxxxx continues a character that began before it.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
