import { MAX_FRAME_BYTES } from '../normalise/limits.ts'
import type { ByteBudget } from './byte-budget.ts'

/** What ends a message in a stream: GELF's NUL byte, or a line feed (a CR before it is no part). */
export type Delimiter = 'nul' | 'newline'

const DELIMITER_BYTE: Record<Delimiter, number> = { nul: 0x00, newline: 0x0a }

/** First size of the buffer for a frame that did not end within its read. */
const FIRST_HELD_BYTES = 4_096

export interface FramerOptions {
  readonly delimiter: Delimiter
  /** A frame of at least one byte that is not blank; valid only during the call. */
  readonly onFrame: (bytes: Buffer, start: number, end: number) => void
  /** A frame was over the limit, or the budget for unfinished frames was used up. */
  readonly onSkipped: (reason: 'too_long' | 'overload') => void
  readonly budget: ByteBudget
  /** Default 1 MiB, without the delimiter. */
  readonly maxBytes?: number
}

/**
 * Cuts a byte stream into messages, whatever the packets. A frame that lies within one read is
 * handed on in place; only one that does not is copied. One that is too long is skipped up to its
 * delimiter, and the stream goes on: closing the connection would lose what follows (a real
 * Graylog loses it so).
 */
export class Framer {
  readonly #options: FramerOptions
  readonly #delimiter: number
  readonly #maxBytes: number
  #held: Buffer | undefined
  #heldBytes = 0
  #isSkipping = false

  constructor(options: FramerOptions) {
    this.#options = options
    this.#delimiter = DELIMITER_BYTE[options.delimiter]
    this.#maxBytes = options.maxBytes ?? MAX_FRAME_BYTES
  }

  /** Whether a frame that may still be taken has begun and not ended. */
  get isInside(): boolean {
    return this.#heldBytes > 0
  }

  /** Whether the next delimiter is still to come, be it of a frame that is skipped. */
  get isWaiting(): boolean {
    return this.#heldBytes > 0 || this.#isSkipping
  }

  /** Takes what one read brought; true when a frame ended in it. */
  push(chunk: Buffer): boolean {
    let start = 0
    for (
      let at = chunk.indexOf(this.#delimiter);
      at >= 0;
      at = chunk.indexOf(this.#delimiter, start)
    ) {
      this.#end(chunk, start, at)
      start = at + 1
    }
    if (start < chunk.length) this.#hold(chunk, start, chunk.length)
    return start > 0
  }

  /** The stream ended: what stands behind the last delimiter may be a whole frame or a cut one. */
  finish(onRest: FramerOptions['onFrame']): void {
    if (this.#heldBytes > 0) this.#emit(this.#held!, 0, this.#heldBytes, onRest)
    this.drop()
  }

  /** Forgets an unfinished frame. */
  drop(): void {
    this.#release()
    this.#isSkipping = false
  }

  #end(chunk: Buffer, start: number, end: number): void {
    if (this.#isSkipping) {
      this.#isSkipping = false
    } else if (this.#heldBytes === 0) {
      this.#emit(chunk, start, end)
    } else {
      this.#hold(chunk, start, end)
      // Holding on may have found the frame too long; that is told already.
      if (this.#isSkipping) this.#isSkipping = false
      else this.#emit(this.#held!, 0, this.#heldBytes)
      this.#release()
    }
  }

  #emit(bytes: Buffer, start: number, end: number, onFrame = this.#options.onFrame): void {
    let from = start
    let to = end
    if (to - from > this.#maxBytes) {
      this.#options.onSkipped('too_long')
      return
    }
    if (this.#delimiter === 0x0a && to > from && bytes[to - 1] === 0x0d) to--
    while (from < to && isBlank(bytes[from]!)) from++
    if (from < to) onFrame(bytes, from, to)
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    if (this.#isSkipping) return
    const needed = this.#heldBytes + end - start
    if (needed > this.#maxBytes) return this.#skip('too_long')
    const capacity = this.#held?.length ?? 0
    if (needed > capacity) {
      // Doubling: a sender of single bytes must not make us copy or keep a piece for each.
      const size = Math.min(Math.max(needed, 2 * capacity, FIRST_HELD_BYTES), this.#maxBytes)
      if (!this.#options.budget.take(size - capacity)) return this.#skip('overload')
      const larger = Buffer.allocUnsafeSlow(size)
      this.#held?.copy(larger, 0, 0, this.#heldBytes)
      this.#held = larger
    }
    chunk.copy(this.#held!, this.#heldBytes, start, end)
    this.#heldBytes = needed
  }

  #skip(reason: 'too_long' | 'overload'): void {
    this.#release()
    this.#isSkipping = true
    this.#options.onSkipped(reason)
  }

  #release(): void {
    if (this.#held !== undefined) this.#options.budget.give(this.#held.length)
    this.#held = undefined
    this.#heldBytes = 0
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a
}
