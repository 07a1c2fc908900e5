import type { Timers } from './clock.ts'

/**
 * Waits for work that may hang, for so long: `true` when it ended in time. Late or not, the work
 * is not stopped by this; when it fails in time, so does this.
 */
export function within(work: Promise<unknown>, limitMs: number, timers: Timers): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(limitMs, () => resolve(false))
    work.then(() => resolve(true), reject).finally(cancel)
  })
}
