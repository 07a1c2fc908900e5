import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import type { CoreStore } from '../../../src/model/commit.ts'
import { FencedError, StoreWriteError } from '../../../src/model/commit.ts'
import { brokenReplay } from '../../../src/threads/core/broken-invariant.ts'
import { Committer } from '../../../src/threads/core/committer.ts'
import { decideWith } from '../../../src/threads/core/decide-with.ts'
import { InvariantGuard } from '../../../src/threads/core/invariant-guard.ts'
import { LoadedRules, NO_RULES } from '../../../src/threads/core/loaded-rules.ts'

const ROUTING = {
  receivers: [],
  procedure: { critical: 'full', high: 'full', medium: 'light', low: 'record', info: 'record' },
  baseUrl: 'https://tocsin.example.org',
  graylogUrl: null,
} as const

const { ruleset } = new LoadedRules(NO_RULES)

/** A guard whose commit fails in this way, and what it reports. */
function guardOver(failure: Error) {
  const names: string[] = []
  const report = ({ name }: { readonly name: string }): void => void names.push(name)
  const parts = { report, post: () => undefined }
  const store = { commit: () => Promise.reject(failure) } as unknown as CoreStore
  const decisions = decideWith(ROUTING)
  const committer = new Committer({ store, decisions, timers: new ManualClock(), ...parts })
  return { names, guard: new InvariantGuard({ committer, engineVersion: 'v', ...parts }) }
}

describe('a contradiction found by a process that was replaced under way', () => {
  const fenced = new FencedError('taken over')
  const body = brokenReplay({ no: 7, count: 1, rules: null }, { nowMs: 0, isLive: false })

  it('is none: it may have read what its successor was writing', async () => {
    const { names, guard } = guardOver(fenced)
    await expect(guard.write(body, ruleset)).rejects.toBe(fenced)
    expect(names).toEqual([])
  })

  it('ends it as one that was replaced', async () => {
    const { names, guard } = guardOver(fenced)
    const at = { nowMs: 0, no: 7, ruleset }
    expect(await guard.lastWord(new Error('a promise'), at)).toBe(fenced)
    expect(names).toEqual(['core.fenced'])
  })

  it('is said all the same where it cannot be written down for another reason', async () => {
    const corrupt = new StoreWriteError('corrupt', { errcode: 11, retryable: false })
    const { names, guard } = guardOver(corrupt)
    await expect(guard.write(body, ruleset)).rejects.toBe(corrupt)
    expect(names).toEqual(['core.invariant_broken'])
  })
})
