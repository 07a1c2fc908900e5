import { messageBlock, stamp } from '../messages.ts'
import type { MessageBlock } from '../messages.ts'
import type { Sending } from './sending.ts'

/** Some messages, back to back, stamped with the time at which they were taken. */
export interface Piece {
  readonly bytes: Buffer
  readonly count: number
}

/**
 * Deals out the block's messages, again and again until `count` are taken: prebuilt, then copied
 * and stamped, so that a piece may wait in a socket while the next one is made.
 */
export class Pieces {
  readonly #block: MessageBlock
  readonly #count: number
  readonly #markEvery: number | undefined
  #taken = 0
  #at = 0

  constructor({ count, markEvery, distinct }: Pick<Sending, 'count' | 'markEvery' | 'distinct'>) {
    this.#block = messageBlock(distinct)
    this.#count = count
    this.#markEvery = markEvery
  }

  get left(): number {
    return this.#count - this.#taken
  }

  /** At most `count` messages, each ended by a NUL byte; `undefined` when that is none. */
  take(count: number): Piece | undefined {
    const { offsets, bytes } = this.#block
    const every = this.#markEvery ?? Infinity
    const behind = this.#taken % every
    const isMarked = behind === 0 && every < Infinity
    const limit = isMarked ? 1 : every - behind
    const from = this.#at
    const to = from + Math.min(count, limit, this.left, offsets.length - 1 - from)
    if (to <= from) return undefined
    const base = offsets[from]!
    const copy = Buffer.from(bytes.subarray(base, offsets[to]))
    const nowMs = Date.now()
    stamp(this.#block, { from, to }, { bytes: copy, base }, nowMs)
    this.#at = to === offsets.length - 1 ? 0 : to
    const nth = this.#taken / every
    this.#taken += to - from
    return { bytes: isMarked ? marked(copy, nth, nowMs) : copy, count: to - from }
  }
}

/** The message with two more fields. */
function marked(message: Buffer, nth: number, nowMs: number): Buffer {
  const open = message.subarray(0, message.length - 2)
  const fields = `,"_marked":"m${nth}","_sent_ms":${nowMs}}\0`
  return Buffer.concat([open, Buffer.from(fields)])
}

/** How many messages are due at a rate: all at once when there is none. */
export function pacer(perSecond: number | null): (sent: number) => number {
  const startMs = performance.now()
  return (sent) => {
    if (perSecond === null) return Infinity
    return Math.floor(((performance.now() - startMs) / 1_000) * perSecond) - sent
  }
}

export function nextMillisecond(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 1))
}
