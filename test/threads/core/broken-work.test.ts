import { beforeEach, describe, expect, it } from 'vitest'

import type { BrokenBody, BrokenSlice } from '../../../src/model/broken.ts'
import { BrokenWork } from '../../../src/threads/core/broken-work.ts'

const MOST = 5_000

function broken(slice: BrokenSlice | undefined, over: Partial<BrokenBody> = {}): BrokenBody {
  const at = { nowMs: 0, no: 7, count: 0, rules: null, message: 'it failed', isLive: false }
  const body = { kind: 'broken', what: 'work', ...at, ...over } as const
  return slice === undefined ? body : { ...body, slice }
}

function slice(from: number, count: number) {
  return { partition: 'web@1', from, count, matches: [] }
}

let work: BrokenWork
beforeEach(() => {
  work = new BrokenWork()
})

describe('records that break the work (I13)', () => {
  it('are looked for one slab after the other once work failed over more of them', () => {
    work.restore(broken({ partition: 'web@1', from: 10, to: 40, isAlone: false }))
    expect(work.recordsMax(MOST)).toBe(1)
    expect(work.breaks(slice(10, 30))).toBe(false)
    work.begins(slice(20, 5))
    expect(work.slice).toEqual({ partition: 'web@1', from: 20, to: 25, isAlone: true })
  })

  it('are known when work failed again over one slab alone: exactly those', () => {
    work.restore(broken({ partition: 'web@1', from: 20, to: 25, isAlone: true }))
    expect(work.breaks(slice(20, 5))).toBe(true)
    expect(work.breaks(slice(20, 4))).toBe(false)
    expect(work.breaks(slice(15, 5))).toBe(false)
    expect(work.breaks({ ...slice(20, 5), partition: 'web@2' })).toBe(false)
  })

  it.each([
    ['nothing broke', undefined],
    ['the process before went on', broken({ ...named(), isAlone: true }, { isLive: true })],
    ['its replay contradicted it', broken(undefined, { what: 'replay' })],
    ['no records were evaluated then', broken(undefined)],
  ])('are not looked for when %s', (_why, last) => {
    work.restore(last)
    expect(work.recordsMax(MOST)).toBe(MOST)
    expect(work.breaks(slice(20, 5))).toBe(false)
    work.begins(slice(20, 5))
    expect(work.slice).toMatchObject({ isAlone: false })
  })

  it('are not looked for for ever', () => {
    work.restore(broken({ ...named(), isAlone: false }))
    let commits = 0
    for (; work.recordsMax(MOST) === 1; commits++) {
      work.begins(slice(commits, 1))
      work.committed()
    }
    expect(commits).toBe(1_000)
    expect(work.slice).toBeUndefined()
  })
})

function named(): Omit<BrokenSlice, 'isAlone'> {
  return { partition: 'web@1', from: 20, to: 25 }
}
