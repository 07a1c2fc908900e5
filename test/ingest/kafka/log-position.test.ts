import { describe, expect, it } from 'vitest'

import { LogPosition } from '../../../src/ingest/kafka/log-position.ts'

describe('where a log was read up to', () => {
  it('takes a batch that goes on where the last one ended', () => {
    const position = new LogPosition(10)
    expect(position.plan(10)).toBe('take')
    position.durable(25)
    expect(position.plan(25)).toBe('take')
  })

  it('goes forward again from a batch that begins before what the journal holds', () => {
    expect(new LogPosition(10).plan(9)).toBe('behind')
  })

  it('notices a batch that begins after everything that is accounted for', () => {
    expect(new LogPosition(10).plan(11)).toBe('jump')
  })

  it('takes a batch behind control records and aborted transactions, which are no gap', () => {
    const position = new LogPosition(2)
    position.skipped(6)
    expect(position.plan(7)).toBe('take')
    expect(position.plan(8)).toBe('jump')
    expect(position.next).toBe(2)
  })

  it('does not forget what was passed over when an older slab becomes durable', () => {
    const position = new LogPosition(0)
    position.skipped(9)
    position.durable(5)
    expect(position.seen).toBe(10)
    expect(position.plan(7)).toBe('take')
  })
})
