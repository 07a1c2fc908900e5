/** Bytes and records that one answer of a broker may unpack to; some 200 MB of objects. */
const MAX_BYTES = 134_217_728
const MAX_RECORDS = 200_000

/**
 * How much more the answer that is being decoded may unpack to. kafkajs decodes an answer in one
 * turn of the event loop, so a turn is an answer. What is beyond is left as if the answer had ended
 * there, and asked for again. The batch that passes the limit is the last, so there is always one.
 */
export class AnswerBudget {
  readonly #maxBytes: number
  readonly #maxRecords: number
  readonly #afterTurn: (task: () => void) => void
  #bytes = 0
  #records = 0
  #isOpen = false

  /** `afterTurn`: runs a task when this turn of the event loop is over (`setImmediate`). */
  constructor(
    afterTurn: (task: () => void) => void,
    limits: { readonly maxBytes?: number; readonly maxRecords?: number } = {},
  ) {
    this.#afterTurn = afterTurn
    this.#maxBytes = limits.maxBytes ?? MAX_BYTES
    this.#maxRecords = limits.maxRecords ?? MAX_RECORDS
  }

  get isSpent(): boolean {
    return this.#bytes >= this.#maxBytes || this.#records >= this.#maxRecords
  }

  spend({ bytes = 0, records = 0 }: { readonly bytes?: number; readonly records?: number }): void {
    this.#bytes += bytes
    this.#records += records
    if (this.#isOpen) return
    this.#isOpen = true
    this.#afterTurn(() => {
      this.#isOpen = false
      this.#bytes = 0
      this.#records = 0
    })
  }
}
