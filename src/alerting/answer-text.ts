/** What is kept of what a receiver said (W7). */
const ANSWER_TEXT_MAX = 1024

/**
 * The start of an answer's body as one harmless line: at most 1 KiB of UTF-8, line breaks and other
 * control or direction characters made blanks. Whoever shows it escapes it for its place. A
 * compressed body is only named: it is never unpacked.
 */
export function answerText(body: Uint8Array, encoding = 'identity'): string {
  if (encoding.trim().toLowerCase() !== 'identity' && body.length > 0) {
    return `(${body.length} bytes, compressed)`
  }
  const text = new TextDecoder()
    .decode(body.subarray(0, ANSWER_TEXT_MAX))
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
  let cut = text
  while (Buffer.byteLength(cut) > ANSWER_TEXT_MAX) cut = cut.slice(0, -8)
  return cut.toWellFormed()
}
