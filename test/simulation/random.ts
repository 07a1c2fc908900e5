/** A seeded generator (sfc32): equal seeds and names give equal numbers on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d = 1

  /** `name` gives each concern its own stream, so that dropping one action leaves the others. */
  constructor(seed: number, name = '') {
    let hash = 0x811c9dc5 ^ seed
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    }
    this.#a = hash | 0
    this.#b = (seed ^ 0x9e3779b9) | 0
    this.#c = Math.imul(hash ^ seed, 0x85ebca6b) | 0
    for (let i = 0; i < 12; i++) this.next()
  }

  /** In [0, 1). */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return (t >>> 0) / 2 ** 32
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!
  }

  /** Mostly short, now and then long: how long things take. ms. */
  delay(meanMs: number): number {
    return Math.round(-Math.log(1 - this.next()) * meanMs)
  }
}
