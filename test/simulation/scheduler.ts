import type { Cancel, Timers } from '../../src/lib/clock.ts'

interface Task {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  isCancelled: boolean
}

/**
 * Virtual time for everything in the simulated world: a heap of (time, order, task). Time moves
 * only when every promise that can go on has gone on, so the run is a function of the seed.
 */
export class Scheduler {
  /** True time since the start, ms. Nobody in the simulated world can read it. */
  nowMs = 0
  /** Tasks run so far. */
  steps = 0
  readonly #heap: Task[] = []
  #order = 0

  at(atMs: number, run: () => void): Cancel {
    const task = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run, isCancelled: false }
    this.#push(task)
    return () => {
      task.isCancelled = true
    }
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.at(this.nowMs + delayMs, run)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  /** Runs what falls due up to `untilMs`, in order of time, then of registration. */
  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      await everyPromise()
      const task = this.#heap[0]
      if (task === undefined || task.atMs > untilMs) break
      this.#pop()
      if (task.isCancelled) continue
      this.nowMs = task.atMs
      this.steps++
      task.run()
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(task)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (isBefore(heap[parent]!, task)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = task
  }

  #pop(): void {
    const heap = this.#heap
    const task = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(task, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = task
  }
}

/**
 * Timers of one process: they stop when it does, and wait while it is paused. `gate` gets every
 * task and decides when, or whether, it runs.
 */
export class ProcessTimers implements Timers {
  readonly #scheduler: Scheduler
  readonly #gate: (task: () => void) => void

  constructor(scheduler: Scheduler, gate: (task: () => void) => void) {
    this.#scheduler = scheduler
    this.#gate = gate
  }

  after(delayMs: number, task: () => void): Cancel {
    let isCancelled = false
    const cancel = this.#scheduler.after(delayMs, () =>
      this.#gate(() => {
        if (!isCancelled) task()
      }),
    )
    return () => {
      isCancelled = true
      cancel()
    }
  }

  every(periodMs: number, task: () => void): Cancel {
    let cancel: Cancel = () => undefined
    let isCancelled = false
    const again = (): void => {
      if (isCancelled) return
      task()
      cancel = this.after(periodMs, again)
    }
    cancel = this.after(periodMs, again)
    return () => {
      isCancelled = true
      cancel()
    }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }
}

/** Resolves when no promise can go on any more: the event loop runs them before its next round. */
function everyPromise(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve)
  })
}

function isBefore(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
