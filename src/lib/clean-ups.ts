/**
 * What was opened, to be closed in reverse order. Whoever opens something registers its undo at
 * once, so a start that fails half-way rolls back what it had done.
 */
export class CleanUps {
  readonly #undos: { readonly name: string; readonly undo: () => void | Promise<void> }[] = []

  add(name: string, undo: () => void | Promise<void>): void {
    this.#undos.push({ name, undo })
  }

  /** Runs every undo, last first, also after one failed; throws what failed together. */
  async run(): Promise<void> {
    const failures: Error[] = []
    for (let last = this.#undos.pop(); last !== undefined; last = this.#undos.pop()) {
      try {
        await last.undo()
      } catch (cause) {
        failures.push(new Error(`closing ${last.name} failed`, { cause }))
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not close')
  }
}
