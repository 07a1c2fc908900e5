import { describe, expect, it } from 'vitest'

import type { PartitionState } from '../../../src/model/partition.ts'
import { RebuildChase } from '../../../src/threads/core/rebuild-chase.ts'
import { RebuildJob } from '../../../src/threads/core/rebuild-job.ts'
import type { PlannedRebuild } from '../../../src/threads/core/rebuild-plan.ts'
import type { ToRebuild } from '../../../src/threads/messages.ts'
import { ruleOf } from '../../rules/rule-builder.ts'

const SOURCE = { documents: [], inputs: {}, fields: {} }
const EDITED = [ruleOf({ kind: 'threshold', atLeast: 2, withinMs: 1_000 }, { inputs: ['web'] })]

/** Partitions as far as the core has evaluated them. */
function at(nextNo: number, evaluated: Readonly<Record<string, number>>) {
  const partitions = Object.entries(evaluated).map(([id, next]) => ({ id, next }) as PartitionState)
  return { nextNo, partitions }
}

function chase(evaluated: Readonly<Record<string, number>>) {
  const posted: ToRebuild[] = []
  const spare = { post: (message: ToRebuild) => void posted.push(message) }
  const job = new RebuildJob(spare, { number: 7, source: SOURCE, rules: ['rule-1'] })
  const planned: PlannedRebuild = {
    ranges: [{ partition: 'web@1', from: 10, to: evaluated['web@1'] ?? 0 }],
    upTo: Object.entries(evaluated),
    fromMs: 0,
    warming: [],
  }
  const started = new RebuildChase(job, EDITED, { planned, nextNo: 3, nearRecords: 5 })
  const answer = (): void =>
    job.hear({ kind: 'passed', job: 7, counts: { records: 0, missing: 0 } })
  const ordered = () => posted.flatMap((message) => (message.kind === 'pass' ? message.pass : []))
  return { chase: started, job, posted, answer, ordered }
}

describe('a rebuild that follows the core', () => {
  it('orders what was evaluated meanwhile once the pass before is answered', () => {
    const { chase: one, answer, ordered } = chase({ 'web@1': 100 })
    expect(one.follow(at(4, { 'web@1': 150 }))).toBe(false)
    expect(ordered()).toHaveLength(1)
    answer()
    expect(one.follow(at(5, { 'web@1': 160 }))).toBe(false)
    expect(ordered()[1]).toEqual({
      ranges: [{ partition: 'web@1', from: 100, to: 160 }],
      clockBelow: 5,
    })
  })

  it('is near when little is left, and follows again when it has become more', () => {
    const { chase: one, answer, ordered } = chase({ 'web@1': 100 })
    answer()
    expect(one.follow(at(4, { 'web@1': 105 }))).toBe(true)
    expect(one.follow(at(5, { 'web@1': 106 }))).toBe(false)
    expect(ordered()).toHaveLength(2)
  })

  it('reads what its rules read: a partition that came later from the beginning, no other input', () => {
    const { chase: one, answer, ordered } = chase({ 'web@1': 100, 'app@1': 5 })
    answer()
    one.follow(at(4, { 'web@1': 100, 'app@1': 900, 'web@2': 20 }))
    expect(ordered()[1]!.ranges).toEqual([{ partition: 'web@2', from: 0, to: 20 }])
  })

  it('reads a partition to where it was seen last, though the core has forgotten it since', () => {
    const { chase: one, answer, ordered } = chase({ 'web@1': 100 })
    one.follow(at(4, { 'web@1': 120, 'web@2': 1 }))
    answer()
    one.follow(at(5, { 'web@2': 1 }))
    expect(ordered()[1]!.ranges).toEqual([
      { partition: 'web@1', from: 100, to: 120 },
      { partition: 'web@2', from: 0, to: 1 },
    ])
  })

  it('ends after many passes although it gets no nearer', () => {
    const { chase: one, answer, ordered } = chase({ 'web@1': 100 })
    let next = 100
    for (let pass = 1; ; pass++) {
      answer()
      next += 1_000
      if (one.follow(at(pass, { 'web@1': next }))) break
      expect(pass).toBeLessThan(100)
    }
    expect(ordered().length).toBeGreaterThan(10)
  })

  it('hands over at the end of the log, and says exactly what was run', async () => {
    const { chase: one, job, answer, ordered, posted } = chase({ 'web@1': 100 })
    answer()
    const end = at(9, { 'web@1': 103 })
    const rebuilt = one.finish(end, 77)
    const { partitions } = end
    expect(posted.at(-1)).toEqual({ kind: 'finish', job: 7, partitions, nowMs: 77 })
    expect(one.plan).toEqual({ rules: ['rule-1'], warming: [], passes: ordered() })
    expect(ordered().map(({ clockBelow }) => clockBelow)).toEqual([3, 9])
    const state = { buckets: [], watermarks: {}, episodes: [], held: [] }
    const counts = { records: 93, missing: 1 }
    job.hear({ kind: 'rebuilt', job: 6, rebuilt: state, counts: { records: 1, missing: 0 } })
    job.hear({ kind: 'rebuilt', job: 7, rebuilt: state, counts })
    expect(await rebuilt).toBe(state)
    expect(job.counts).toEqual(counts)
  })
})
