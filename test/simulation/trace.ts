import { createHash } from 'node:crypto'

/** Everything that happened, in order, as one hash; the lines are kept only when asked for. */
export class Trace {
  readonly lines: string[] = []
  readonly #hash = createHash('sha256')
  readonly #keeps: boolean

  constructor(keeps: boolean) {
    this.#keeps = keeps
  }

  say(atMs: number, line: string): void {
    this.#hash.update(`${atMs} ${line}\n`)
    if (this.#keeps) this.lines.push(`${(atMs / 1000).toFixed(3).padStart(9)} ${line}`)
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}
