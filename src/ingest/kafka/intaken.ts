/** Journalled and not yet evaluated: above, reading pauses; below half of it, it goes on (I2). */
const MAX_BYTES = 32 * 1_048_576

/** What was read and waits for the core, over all logs of an input. */
export class Intaken {
  readonly #onRoom: () => void
  readonly #maxBytes: number
  readonly #waiting = new Map<string, { readonly to: number; readonly bytes: number }[]>()
  readonly #evaluated = new Map<string, number>()
  #bytes = 0
  #wasFull = false

  /** `onRoom`: after it was full, half of it is free again. */
  constructor(onRoom: () => void, maxBytes = MAX_BYTES) {
    this.#onRoom = onRoom
    this.#maxBytes = maxBytes
  }

  get isFull(): boolean {
    const isFull = this.#bytes >= this.#maxBytes
    this.#wasFull ||= isFull
    return isFull
  }

  /** The offset up to which a log is evaluated; `undefined` before anything of it was. */
  evaluatedOf(log: string): number | undefined {
    return this.#evaluated.get(log)
  }

  /** A slab is durable that ends before `to`. */
  add(log: string, to: number, bytes: number): void {
    const waiting = this.#waiting.get(log) ?? []
    if (waiting.length === 0) this.#waiting.set(log, waiting)
    waiting.push({ to, bytes })
    this.#bytes += bytes
    // The core may have been quicker than the journal's answer to us.
    this.#drop(log)
  }

  evaluated(log: string, offset: number): void {
    this.#evaluated.set(log, offset)
    this.#drop(log)
    if (!this.#wasFull || this.#bytes * 2 > this.#maxBytes) return
    this.#wasFull = false
    this.#onRoom()
  }

  #drop(log: string): void {
    const waiting = this.#waiting.get(log) ?? []
    const offset = this.#evaluated.get(log) ?? -1
    for (let first = waiting[0]; first !== undefined && first.to <= offset; first = waiting[0]) {
      this.#bytes -= first.bytes
      waiting.shift()
    }
  }
}
