/** Places for connections, in all and for each address (I2). */
export class ConnectionPlaces {
  readonly #max: number
  readonly #maxPerSource: number
  readonly #perSource = new Map<string, number>()
  #used = 0

  constructor(max: number, maxPerSource: number) {
    this.#max = max
    this.#maxPerSource = maxPerSource
  }

  get used(): number {
    return this.#used
  }

  /** Takes a place; else says what is full. */
  take(source: string): 'total' | 'source' | undefined {
    const ofSource = this.#perSource.get(source) ?? 0
    if (this.#used >= this.#max) return 'total'
    if (ofSource >= this.#maxPerSource) return 'source'
    this.#used++
    this.#perSource.set(source, ofSource + 1)
    return undefined
  }

  give(source: string): void {
    const left = this.#perSource.get(source)! - 1
    this.#used--
    if (left === 0) this.#perSource.delete(source)
    else this.#perSource.set(source, left)
  }
}
