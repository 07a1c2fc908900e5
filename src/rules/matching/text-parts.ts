/** Length of a part in UTF-16 units: shorter ones are in every second text, longer ones rule out more. */
export const PART_UNITS = 4
/** Parts of one text that are offered; the rarest of so many is rare enough. */
const OFFERED_MAX = 64

/** Places of the filter: with a thousand parts behind it, it passes one in sixty by mistake. */
const FILTER_SIZE = 65_536

/**
 * The parts of a text as numbers, each once: a text that contains it has all of them. Different
 * parts may have one number. Empty when it is too short to have any.
 */
export function partsOf(text: string): readonly number[] {
  const parts = new Set<number>()
  for (let at = 0; at + PART_UNITS <= text.length && parts.size < OFFERED_MAX; at++) {
    parts.add(
      partNumber(
        text.charCodeAt(at),
        text.charCodeAt(at + 1),
        text.charCodeAt(at + 2),
        text.charCodeAt(at + 3),
      ),
    )
  }
  return [...parts]
}

/** Numbers by part: who is waiting for a text that has the part? */
export class PartIndex {
  readonly #byPart = new Map<number, number[]>()
  /** Whether some part has this remainder: spares the map for nearly every place of a text. */
  readonly #filter = new Uint8Array(FILTER_SIZE)

  add(part: number, number: number): void {
    this.#filter[part & (FILTER_SIZE - 1)] = 1
    const numbers = this.#byPart.get(part)
    if (numbers === undefined) this.#byPart.set(part, [number])
    else if (numbers.at(-1) !== number) numbers.push(number)
  }

  /** Tells `found` the numbers behind every part of the text; some of them more than once. */
  find(text: string, found: (numbers: readonly number[]) => void): void {
    if (text.length < PART_UNITS) return
    const filter = this.#filter
    let a = text.charCodeAt(0)
    let b = text.charCodeAt(1)
    let c = text.charCodeAt(2)
    for (let end = PART_UNITS - 1; end < text.length; end++) {
      const d = text.charCodeAt(end)
      const part = partNumber(a, b, c, d)
      if (filter[part & (FILTER_SIZE - 1)] === 1) {
        const numbers = this.#byPart.get(part)
        if (numbers !== undefined) found(numbers)
      }
      a = b
      b = c
      c = d
    }
  }
}

/** Mixed, as the filter takes the lower half. */
function partNumber(a: number, b: number, c: number, d: number): number {
  const pairs = Math.imul((a << 16) ^ b, 0x9e3779b1) ^ Math.imul((c << 16) ^ d, 0x85ebca6b)
  return pairs ^ (pairs >>> 15)
}
