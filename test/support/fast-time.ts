/**
 * Time that passes faster than it does, equally in every process and thread that is given the same
 * origin: minutes of a service take seconds of a test. Preloaded (`--import`) into a process it
 * replaces the clock and the timers that `src/system-clock.ts` takes; imported, it only computes.
 */
import { env } from 'node:process'

/** How many milliseconds pass within one. */
const SPEED = 40

/** The fast clock of an origin, ms UTC. */
export function fastClock(originMs: number): () => number {
  return () => Math.floor(originMs + (machineNow() - originMs) * SPEED)
}

/** Of the environment that {@link fastTimeEnv} made; absent where only the formula is wanted. */
const ORIGIN = 'TOCSIN_TEST_FAST_TIME'

const machineNow = Date.now.bind(Date)

/** For a child that is to live in fast time. */
export function fastTimeEnv(originMs: number): Record<string, string> {
  return { [ORIGIN]: String(originMs), NODE_OPTIONS: `--import=${import.meta.url}` }
}

if (env[ORIGIN] !== undefined) {
  Date.now = fastClock(Number(env[ORIGIN]))
  const { setInterval: every, setTimeout: after } = globalThis
  Object.assign(globalThis, {
    setInterval: (task: () => void, ms = 0) => every(task, ms / SPEED),
    setTimeout: (task: () => void, ms = 0) => after(task, ms / SPEED),
  })
}
