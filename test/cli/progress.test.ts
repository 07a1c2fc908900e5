import { describe, expect, it } from 'vitest'
import { Progress } from '../../src/cli/progress.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'

function progress(isTerminal: boolean) {
  const clock = new ManualClock()
  const shown: string[] = []
  const io = {
    out: (line: string) => shown.push(`line ${line}`),
    err: () => undefined,
    isTerminal,
    status: (text: string) => shown.push(text),
    exit: () => undefined,
  }
  return { clock, shown, bar: new Progress(io, { clock: clock.now, unit: 'events' }) }
}

describe('the progress bar', () => {
  it('is not there for work of up to two seconds', () => {
    const { clock, shown, bar } = progress(true)
    clock.advance(1_999)
    bar.at(10, 0.5)
    bar.clear()
    expect(shown).toEqual([])
  })

  it('shows how far the work is and how fast it goes', () => {
    const { clock, shown, bar } = progress(true)
    clock.advance(4_000)
    bar.at(1_234_567, 0.5)
    expect(shown).toEqual(['████████████░░░░░░░░░░░░  50 % 1,234,567 events, 308,642/s'])
  })

  it('is drawn ten times a second at most, and gives way to a line', () => {
    const { clock, shown, bar } = progress(true)
    clock.advance(2_000)
    bar.at(1)
    bar.at(2)
    bar.line('found')
    bar.line('another')
    expect(shown).toEqual(['1 events, 1/s', '', 'line found', 'line another'])
  })

  it('is never there without a terminal', () => {
    const { clock, shown, bar } = progress(false)
    clock.advance(9_000)
    bar.at(1, 0.5)
    bar.line('found')
    expect(shown).toEqual(['line found'])
  })
})
