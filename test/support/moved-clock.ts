/**
 * A clock for several processes and their threads that a test moves by hand, through a file.
 * Preloaded (`--import`) into a process it takes the place of the machine's clock; timers run in real
 * time, but much faster, so that what looks at the clock every second soon sees that it was moved.
 */
import { openSync, readSync, writeSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { env } from 'node:process'

/** Names the file, in the environment of a process that lives by it. */
const FILE = 'TOCSIN_TEST_CLOCK'
/** How much faster timers run than they say: one second is 25 ms. */
const SPEED = 40

/** The test's hand on the clock. */
export class MovedClock {
  readonly #file: string
  readonly #descriptor: number
  #nowMs: number

  constructor(file: string, nowMs: number) {
    this.#file = file
    this.#descriptor = openSync(file, 'w+')
    this.#nowMs = nowMs
    this.advance(0)
  }

  readonly now = (): number => this.#nowMs

  advance(byMs: number): void {
    this.#nowMs += byMs
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(this.#nowMs)
    writeSync(this.#descriptor, bytes, 0, bytes.length, 0)
  }

  /** For a child that is to live by it. */
  env(): Record<string, string> {
    return { [FILE]: this.#file, NODE_OPTIONS: `--import=${import.meta.url}` }
  }
}

const file = env[FILE]
if (file !== undefined) {
  const descriptor = openSync(file, 'r')
  const bytes = Buffer.alloc(8)
  Date.now = () => {
    readSync(descriptor, bytes, 0, bytes.length, 0)
    return bytes.readDoubleLE()
  }
  const { setInterval: every, setTimeout: after } = globalThis
  Object.assign(globalThis, {
    setInterval: (task: () => void, ms = 0) => every(task, ms / SPEED),
    setTimeout: (task: () => void, ms = 0) => after(task, ms / SPEED),
  })
  // No input of these processes is HTTP, and loading its server is much of a start.
  registerHooks({
    resolve: (name, context, next) =>
      name === 'fastify'
        ? { url: 'data:text/javascript,export default undefined', shortCircuit: true }
        : next(name, context),
  })
}
