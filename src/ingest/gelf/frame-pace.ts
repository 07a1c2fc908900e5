/** A frame that has begun must come on with 64 B/s, judged over 30 s. */
export const PACE_CHECK_MS = 10_000
const CHECKS_OF_A_WINDOW = 3
const MIN_BYTES_OF_A_WINDOW = 64 * 30

/**
 * Whether a connection that is within a frame still makes progress. Between frames it may be silent
 * for ever: Graylog keeps one open. Counts ticks of a timer instead of reading a clock, which may be
 * set.
 */
export class FramePace {
  #isInside = false
  #bytes = 0
  #checks = 0

  /** `hasEnded`: a frame ended in this read; `isInside`: one has begun and not ended. */
  read(bytes: number, hasEnded: boolean, isInside: boolean): void {
    if (!hasEnded && this.#isInside) {
      this.#bytes += bytes
    } else {
      this.#bytes = 0
      this.#checks = 0
    }
    this.#isInside = isInside
  }

  /** Called every {@link PACE_CHECK_MS}: true when the sender is too slow. */
  isTooSlow(): boolean {
    if (!this.#isInside || ++this.#checks < CHECKS_OF_A_WINDOW) return false
    const isSlow = this.#bytes < MIN_BYTES_OF_A_WINDOW
    this.#bytes = 0
    this.#checks = 0
    return isSlow
  }
}
