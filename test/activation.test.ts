import { describe, expect, it } from 'vitest'
import { Activation } from '../src/activation.ts'
import type { Configured } from '../src/configured.ts'
import { ManualClock } from '../src/lib/manual-clock.ts'
import type { RulesetOrigin } from '../src/model/ruleset.ts'

const CLEAN: RulesetOrigin = { commit: 'c1', isDirty: false, pullRequest: 1, approver: null }
const DIRTY: RulesetOrigin = { ...CLEAN, isDirty: true }

/** Answers about git are given when a test says so. */
function scene() {
  const clock = new ManualClock()
  const asked: ((origin: RulesetOrigin | null) => void)[] = []
  const taken: string[] = []
  const activation = new Activation({
    originOf: () => new Promise((resolve) => void asked.push(resolve)),
    activate: ({ hash }, origin) => void taken.push(`${hash} ${describeOrigin(origin)}`),
    timers: clock,
  })
  const add = (hash: string): Promise<void> =>
    activation.add({ hash, rulePaths: ['rules'] } as unknown as Configured)
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
  const answer = async (nth: number, origin: RulesetOrigin | null): Promise<void> => {
    asked[nth]!(origin)
    await settle()
  }
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms)
    await settle()
  }
  return { activation, add, answer, pass, asked, taken }
}

function describeOrigin(origin: RulesetOrigin | null): string {
  if (origin === null) return 'unknown'
  return origin.isDirty ? 'dirty' : 'clean'
}

describe('taking rules into force', () => {
  it('waits for git, and keeps the order when a later answer comes first', async () => {
    const { add, answer, taken } = scene()
    const [first, second] = [add('a'), add('b')]
    await answer(1, CLEAN)
    expect(taken).toEqual([])
    await answer(0, null)
    await Promise.all([first, second])
    expect(taken).toEqual(['a unknown', 'b clean'])
  })

  it('looks at dirty rules again until they are committed, and tells the commit once', async () => {
    const { add, answer, pass, asked, taken } = scene()
    void add('a')
    await answer(0, DIRTY)
    expect(taken).toEqual(['a dirty'])
    await pass(10_000)
    await answer(1, DIRTY)
    await pass(10_000)
    await answer(2, CLEAN)
    expect(taken).toEqual(['a dirty', 'a clean'])
    await pass(60_000)
    expect(asked).toHaveLength(3)
  })

  it('keeps what is known when git stops answering', async () => {
    const { add, answer, pass, taken } = scene()
    void add('a')
    await answer(0, DIRTY)
    await pass(10_000)
    await answer(1, null)
    expect(taken).toEqual(['a dirty'])
  })

  it('never takes rules back into force that others have replaced', async () => {
    const { add, answer, pass, asked, taken } = scene()
    void add('a')
    await answer(0, DIRTY)
    await pass(10_000)
    void add('b')
    await answer(1, CLEAN)
    await answer(2, DIRTY)
    expect(taken).toEqual(['a dirty', 'b dirty'])
    void add('c')
    await answer(3, CLEAN)
    await pass(60_000)
    expect(asked).toHaveLength(4)
    expect(taken).toEqual(['a dirty', 'b dirty', 'c clean'])
  })

  it('stops when what was asked for has come', async () => {
    const { activation, add, answer, pass, asked, taken } = scene()
    void add('a')
    let isStopped = false
    const stopped = (async () => {
      await activation.stop()
      isStopped = true
    })()
    await pass(0)
    expect(isStopped).toBe(false)
    await answer(0, DIRTY)
    await stopped
    await pass(60_000)
    expect(asked).toHaveLength(1)
    expect(taken).toEqual(['a dirty'])
  })
})
