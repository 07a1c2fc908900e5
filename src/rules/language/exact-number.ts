/**
 * The number that a text is, exactly: a whole number of any size (up to 400 digits), or a decimal
 * fraction as the nearest double. `undefined` for every other text, so nothing is guessed: `5 ms`,
 * `0x10`, ` 5`, `NaN` and `1e999` are not numbers.
 */
export function exactNumber(text: string): number | bigint | undefined {
  if (text.length > 400 || !/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?$/.test(text)) {
    return undefined
  }
  const value = Number(text)
  if (!Number.isFinite(value)) return undefined
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(text)) {
    return BigInt(text.startsWith('+') ? text.slice(1) : text)
  }
  return value
}

/** A number as it is; of a text the number that it is exactly, see {@link exactNumber}. */
export function numberOf(value: string | number): number | bigint | undefined {
  return typeof value === 'number' ? value : exactNumber(value)
}

/** Negative, zero or positive as `a` is below, equal to or above `b`; exact also between kinds. */
export function compareNumbers(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
