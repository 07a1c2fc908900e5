import { createHash } from 'node:crypto'

import type { Clock } from '../../lib/clock.ts'
import type { JournalRequest } from '../journal/journal.ts'
import type { KeptRequest } from '../../model/slab.ts'
import { HttpRefusal } from './http-refusal.ts'

/** How long a key is remembered. */
export const REMEMBERED_MS = 24 * 3_600_000

/** Keys of one input; beyond it the oldest is forgotten, which is reported. */
export const REMEMBERED_MAX = 100_000

/** Characters of a key that is taken: visible ASCII, as RFC 8941 has it in its strings. */
const KEY = /^[\x21-\x7e]{1,255}$/

/** The request is new: tell what became of it. */
interface Begun {
  /** What has to be kept with its records, when it is answered so. */
  kept(answer: string): KeptRequest
  /** The journal holds it: the same answer is given from now on. */
  done(answer: string): void
  /** Nothing of it was kept: it may come again. */
  failed(): void
}

interface Remembered {
  readonly body: string
  /** `undefined` while it is being taken. */
  answer: string | undefined
  readonly atMs: number
}

/**
 * Requests by their `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): sent again
 * with the same body, one is answered as before and nothing is taken twice, for 24 hours and over a
 * restart, because the journal keeps the key in the transaction of the records.
 */
export class Idempotency {
  /** In order of their times, nearly: by hexadecimal SHA-256 of the key. */
  readonly #remembered = new Map<string, Remembered>()
  readonly #clock: Clock
  readonly #onForgotten: () => void
  readonly #max: number

  constructor(options: {
    readonly clock: Clock
    /** What the journal remembers of this input, in any order. */
    readonly known: readonly JournalRequest[]
    /** A key was forgotten before its time, for want of room. */
    readonly onForgotten: () => void
    /** Default {@link REMEMBERED_MAX}. */
    readonly max?: number
  }) {
    this.#clock = options.clock
    this.#onForgotten = options.onForgotten
    this.#max = options.max ?? REMEMBERED_MAX
    for (const { key, body, answer, atMs } of options.known.toSorted((a, b) => a.atMs - b.atMs)) {
      this.#put(hex(key), { body: hex(body), answer, atMs })
    }
  }

  /**
   * Looks a request up: its answer when it was taken before, else what to do with a new one.
   * `form` is what else decides the answer.
   *
   * @throws HttpRefusal 400 for a malformed key, 409 while the first is under way, 422 when it came
   * with another body.
   */
  begin(key: string, body: Uint8Array, form: string): { readonly answer: string } | Begun {
    if (!KEY.test(key)) {
      const message = 'expected an Idempotency-Key of 1 to 255 visible ASCII characters'
      throw new HttpRefusal(400, undefined, message)
    }
    const keyHash = createHash('sha256').update(key).digest()
    const bodyHash = createHash('sha256').update(`${form}\n`).update(body).digest()
    const [name, bodyName] = [hex(keyHash), hex(bodyHash)]
    this.#forgetOld()
    const known = this.#remembered.get(name)
    if (known !== undefined) {
      if (known.body !== bodyName) {
        const message = 'this Idempotency-Key was used with another body'
        throw new HttpRefusal(422, undefined, message)
      }
      if (known.answer === undefined) {
        throw new HttpRefusal(409, undefined, 'the same request is being taken; ask again later')
      }
      return { answer: known.answer }
    }
    const entry: Remembered = { body: bodyName, answer: undefined, atMs: this.#clock() }
    this.#put(name, entry)
    return {
      kept: (answer) => ({ key: keyHash, body: bodyHash, answer }),
      done: (answer) => (entry.answer = answer),
      failed: () => void this.#remembered.delete(name),
    }
  }

  #put(name: string, entry: Remembered): void {
    this.#remembered.delete(name)
    this.#remembered.set(name, entry)
    if (this.#remembered.size <= this.#max) return
    this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#onForgotten()
  }

  #forgetOld(): void {
    const beforeMs = this.#clock() - REMEMBERED_MS
    for (const [name, { atMs }] of this.#remembered) {
      if (atMs >= beforeMs) return
      this.#remembered.delete(name)
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
