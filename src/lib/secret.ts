/**
 * A text that must never be seen by accident (P17): printed, logged, inspected or turned into
 * JSON it is `***`; only {@link Secret.reveal} gives it, so every place that uses one can be
 * found by that word.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}
