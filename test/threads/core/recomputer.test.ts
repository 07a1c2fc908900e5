import { describe, expect, it } from 'vitest'

import type { OutstandingRecompute } from '../../../src/model/commit.ts'
import type { Occurrence } from '../../../src/model/occurrence.ts'
import type { RecomputeOutcome, RecomputeTask } from '../../../src/threads/core/recompute-run.ts'
import { Recomputer } from '../../../src/threads/core/recomputer.ts'

function outstanding(id: number, ruleset = 'rules'): OutstandingRecompute {
  const times = { fromMs: 1, toMs: 2, reachMs: 3 }
  const rest = { ruleRev: 'rev', group: `["${id}"]`, refused: [], adjoining: null }
  return { id, ruleId: 'r', ruleset, ...times, ...rest }
}

function outcome(ids: readonly number[]): RecomputeOutcome {
  return { answer: { ids, episodes: [] }, records: 0, missingBeforeMs: null, isCut: false }
}

const rounds = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

function setUp(rows: OutstandingRecompute[], content: string | undefined = '{}') {
  const tasks: RecomputeTask[] = []
  const occurrences: Occurrence[] = []
  const waiting: ((outcome: RecomputeOutcome | Error) => void)[] = []
  let answers = 0
  let asked = 0
  const recomputer = new Recomputer({
    store: {
      outstandingRecomputes: async () => {
        asked++
        return rows
      },
      loadRuleset: async () => content,
    },
    run: (_, task) => {
      tasks.push(task)
      return new Promise((resolve, reject) =>
        waiting.push((made) => (made instanceof Error ? reject(made) : resolve(made))),
      )
    },
    report: (occurrence) => void occurrences.push(occurrence),
    onAnswer: () => void answers++,
  })
  return {
    recomputer,
    tasks,
    occurrences,
    names: () => occurrences.map(({ name }) => name),
    answers: () => answers,
    asked: () => asked,
    async end(made: RecomputeOutcome | Error): Promise<void> {
      waiting.shift()!(made)
      await rounds()
    },
  }
}

describe('reading late matches back', () => {
  it('looks at a start for what the process before left, and not again before more is asked', async () => {
    const { recomputer, asked } = setUp([])
    await recomputer.step(0, [])
    await recomputer.step(0, [])
    expect(asked()).toBe(1)
    recomputer.asked()
    await recomputer.step(0, [])
    expect(asked()).toBe(2)
  })

  it('makes one pass at a time, with one rule set, and hands its answer over once', async () => {
    const at = setUp([outstanding(1), outstanding(2, 'edited'), outstanding(3)])
    await at.recomputer.step(0, [])
    await at.recomputer.step(0, [])
    expect(at.tasks.map((task) => task.outstanding.map(({ id }) => id))).toEqual([[1, 3]])
    expect(at.recomputer.take()).toEqual([])
    await at.end(outcome([1, 3]))
    expect(at.answers()).toBe(1)
    // Not before the answer is on its way into the store.
    await at.recomputer.step(0, [])
    expect(at.tasks).toHaveLength(1)
    expect(at.recomputer.take()).toEqual([{ ids: [1, 3], episodes: [] }])
    expect(at.recomputer.take()).toEqual([])
    await at.recomputer.step(0, [])
    expect(at.tasks).toHaveLength(2)
  })

  it('says when the journal no longer held all of it', async () => {
    const at = setUp([outstanding(1)])
    await at.recomputer.step(0, [])
    await at.end({ ...outcome([1]), missingBeforeMs: 5 })
    expect(at.names()).toEqual(['recompute.finished', 'recompute.incomplete'])
  })

  it('tries a pass that failed again a minute later, and gives it up after three', async () => {
    const at = setUp([outstanding(1)])
    for (const [i, nowMs] of [0, 60_000, 120_000].entries()) {
      if (i > 0) await at.recomputer.step(nowMs - 1, [])
      expect(at.tasks).toHaveLength(i)
      await at.recomputer.step(nowMs, [])
      expect(at.tasks).toHaveLength(i + 1)
      expect(at.recomputer.take()).toEqual([])
      await at.end(new Error('the disk'))
    }
    expect(at.occurrences.map(({ detail }) => detail?.['isGivenUp'])).toEqual([false, false, true])
    expect(at.recomputer.take()).toEqual([{ ids: [1], episodes: [] }])
  })

  it('leaves a pass under way to the next owner when it is stopped', async () => {
    const at = setUp([outstanding(1)])
    await at.recomputer.step(0, [])
    at.recomputer.stop()
    await at.end(outcome([1]))
    expect(at.recomputer.take()).toEqual([])
    expect(at.answers()).toBe(0)
    await at.recomputer.step(0, [])
    expect(at.tasks).toHaveLength(1)
  })
})
