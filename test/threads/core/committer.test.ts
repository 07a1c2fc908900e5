import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import type { CoreStore } from '../../../src/model/commit.ts'
import { StoreWriteError } from '../../../src/model/commit.ts'
import { Committer } from '../../../src/threads/core/committer.ts'
import { decideWith } from '../../../src/threads/core/decide-with.ts'

const ROUTING = {
  receivers: [],
  procedure: { critical: 'full', high: 'full', medium: 'light', low: 'record', info: 'record' },
  baseUrl: 'https://tocsin.example.org',
  graylogUrl: null,
} as const

function committerOver(saveRuleset: CoreStore['saveRuleset']) {
  const clock = new ManualClock()
  const names: string[] = []
  const committer = new Committer({
    store: { saveRuleset } as CoreStore,
    decisions: decideWith(ROUTING),
    timers: clock,
    report: ({ name }) => void names.push(name),
    post: () => undefined,
  })
  return { clock, names, committer }
}

const RULES = { hash: 'rules-2', content: '{}', nowMs: 0, origin: null }

const rounds = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

describe('keeping a rule set while the database cannot write', () => {
  it('waits until the disk has room again, so that a reload on a full disk ends nothing', async () => {
    let isFull = true
    const saved: string[] = []
    const { clock, names, committer } = committerOver(async (hash) => {
      if (isFull) throw new StoreWriteError('full', { errcode: 13, retryable: true })
      saved.push(hash)
    })
    const done = committer.saveRuleset(RULES)
    for (let i = 0; i < 3; i++) {
      await rounds()
      clock.advance(500)
    }
    expect(saved).toEqual([])
    expect(names).toEqual(Array.from({ length: 3 }, () => 'core.commit_failed'))
    isFull = false
    clock.advance(1_000)
    await done
    expect(saved).toEqual(['rules-2'])
  })

  it('throws what waiting cannot heal', async () => {
    const broken = new StoreWriteError('corrupt', { errcode: 11, retryable: false })
    const { committer } = committerOver(() => Promise.reject(broken))
    await expect(committer.saveRuleset(RULES)).rejects.toBe(broken)
  })
})
