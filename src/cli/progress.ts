import type { Clock } from '../lib/clock.ts'
import type { CliIo } from './io.ts'

/** Shorter work shows nothing. */
const SHOW_AFTER_MS = 2_000
const REDRAW_MS = 100
const WIDTH = 24

/**
 * A progress bar on a terminal, once the work has taken more than two seconds; nothing anywhere
 * else. Lines printed in between go through {@link line}, so that the bar does not stand in them.
 */
export class Progress {
  readonly #io: CliIo
  readonly #clock: Clock
  readonly #unit: string
  readonly #startMs: number
  #drawnMs = 0
  #isShown = false

  constructor(io: CliIo, options: { readonly clock: Clock; readonly unit: string }) {
    this.#io = io
    this.#clock = options.clock
    this.#unit = options.unit
    this.#startMs = options.clock()
  }

  /** How much is done; `share` is the part of the whole from 0 to 1, where it is known. */
  at(done: number, share?: number): void {
    if (!this.#io.isTerminal) return
    const nowMs = this.#clock()
    if (nowMs - this.#startMs < SHOW_AFTER_MS || nowMs - this.#drawnMs < REDRAW_MS) return
    this.#drawnMs = nowMs
    this.#isShown = true
    const rate = Math.round((done * 1_000) / (nowMs - this.#startMs))
    const count = `${grouped(done)} ${this.#unit}, ${grouped(rate)}/s`
    this.#io.status?.(share === undefined ? count : `${bar(share)} ${count}`)
  }

  line(text: string): void {
    this.clear()
    this.#io.out(text)
  }

  /** Takes the bar away: before other output, and at the end. */
  clear(): void {
    if (this.#isShown) this.#io.status?.('')
    this.#isShown = false
  }
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * WIDTH)
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${percent} %`
}

/** 1234567 as `1,234,567`. */
function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}
