import type { Cancel, Clock, Timers } from './clock.ts'

interface Task {
  dueMs: number
  readonly order: number
  readonly everyMs: number | undefined
  readonly run: () => void
}

/**
 * A clock that moves only when told, with timers that run on the way: rule tests, backtests and
 * the test suite live on it.
 */
export class ManualClock implements Timers {
  #nowMs: number
  #order = 0
  readonly #tasks = new Set<Task>()

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  readonly now: Clock = () => this.#nowMs

  after(delayMs: number, task: () => void): Cancel {
    return this.#add(delayMs, undefined, task)
  }

  every(periodMs: number, task: () => void): Cancel {
    return this.#add(periodMs, periodMs, task)
  }

  /** Moves time forward and runs what falls due, in order of time, then of registration. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    for (let task = this.#due(endMs); task !== undefined; task = this.#due(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, task.dueMs)
      if (task.everyMs === undefined) this.#tasks.delete(task)
      else task.dueMs += task.everyMs
      task.run()
    }
    this.#nowMs = endMs
  }

  #due(endMs: number): Task | undefined {
    let first: Task | undefined
    for (const task of this.#tasks) {
      if (task.dueMs > endMs) continue
      if (first === undefined || task.dueMs < first.dueMs) first = task
      else if (task.dueMs === first.dueMs && task.order < first.order) first = task
    }
    return first
  }

  #add(delayMs: number, everyMs: number | undefined, run: () => void): Cancel {
    const task: Task = { dueMs: this.#nowMs + delayMs, order: this.#order++, everyMs, run }
    this.#tasks.add(task)
    return () => void this.#tasks.delete(task)
  }
}
