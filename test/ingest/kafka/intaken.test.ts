import { describe, expect, it } from 'vitest'

import { Intaken } from '../../../src/ingest/kafka/intaken.ts'

describe('what waits for the core', () => {
  it('is full at its bound, and has room again when half of it is evaluated', () => {
    let rooms = 0
    const intaken = new Intaken(() => rooms++, 100)
    intaken.add('a', 10, 60)
    expect(intaken.isFull).toBe(false)
    intaken.add('b', 5, 40)
    expect(intaken.isFull).toBe(true)
    intaken.evaluated('b', 5)
    expect(rooms).toBe(0)
    intaken.evaluated('a', 10)
    expect(rooms).toBe(1)
    expect(intaken.isFull).toBe(false)
  })

  it('says that there is room only when it was full', () => {
    let rooms = 0
    const intaken = new Intaken(() => rooms++, 100)
    intaken.add('a', 10, 60)
    intaken.evaluated('a', 10)
    expect(rooms).toBe(0)
  })

  it('frees what the core had evaluated before the journal answered us', () => {
    const intaken = new Intaken(() => undefined, 100)
    intaken.evaluated('a', 10)
    intaken.add('a', 10, 100)
    expect(intaken.isFull).toBe(false)
    expect(intaken.evaluatedOf('a')).toBe(10)
    expect(intaken.evaluatedOf('b')).toBeUndefined()
  })

  it('frees slabs in order, none before it is evaluated whole', () => {
    const intaken = new Intaken(() => undefined, 100)
    intaken.add('a', 10, 50)
    intaken.add('a', 20, 50)
    intaken.evaluated('a', 19)
    expect(intaken.isFull).toBe(false)
    intaken.add('a', 30, 50)
    expect(intaken.isFull).toBe(true)
  })
})
