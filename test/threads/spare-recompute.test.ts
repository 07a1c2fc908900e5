import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { openJournalReader, openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { OutstandingRecompute } from '../../src/model/commit.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { LoadedRules } from '../../src/threads/core/loaded-rules.ts'
import { runRecompute } from '../../src/threads/core/recompute-run.ts'
import { SpareRecompute } from '../../src/threads/recompute/spare-recompute.ts'
import { journalFolder } from '../../src/threads/thread-settings.ts'
import { slab } from '../contracts/slab-builder.ts'
import { gelf } from '../support/gelf-send.ts'

const START_MS = Date.UTC(2026, 0, 1, 9)
const HOUR_MS = 3_600_000
const SECOND_MS = 1_000

const SOURCE: RulesetSource = {
  documents: [
    {
      file: 'rules.yaml',
      text: `
rule: errors
where: "message:error"
group_by: [source]
threshold: { at_least: 3, within: 1m }
late_by: 2m
clear: { quiet_for: 5m }
---
rule: panics
where: "message:panic"
match: {}
late_by: 2m
clear: { quiet_for: 5m }
`,
    },
  ],
  inputs: { web: { ...DEFAULT_TIMING, labels: {} } },
  fields: {},
}
const rules = new LoadedRules(SOURCE)

/** At a second after the start, of a host; `at` is when it was received. */
function record(second: number, host: string, text: string): string {
  return gelf(text, { host, timestamp: (START_MS + second * SECOND_MS) / 1_000 })
}

let data: string
beforeAll(() => {
  data = mkdtempSync(join(tmpdir(), 'tocsin-recompute-'))
  const writer = openJournalWriter({
    folder: journalFolder({ data }),
    clock: () => START_MS,
    report: () => undefined,
  })
  const append = (partition: string, receivedMs: number, records: readonly string[]): void =>
    void writer.append([slab(partition, records, 0, receivedMs)])
  // Two of three come in time, in the partition of a process before.
  append('web@1', START_MS + 20_000, [record(0, 'a', 'error'), record(10, 'a', 'error')])
  append('web@2', START_MS + 2 * HOUR_MS, [record(7_200, 'alive', 'fine')])
  append('web@2', START_MS + 2 * HOUR_MS + 1_000, [
    record(30, 'a', 'error'),
    record(7_201, 'alive', 'error'),
    record(100, 'b', 'error'),
    record(50, 'b', 'panic'),
  ])
  append('web@2', START_MS + 2 * HOUR_MS + 2_000, [record(40, 'a', 'error')])
  writer.close()
})
afterAll(() => rmSync(data, { recursive: true, force: true }))

function outstanding(
  id: number,
  ruleId: string,
  group: string,
  interval: readonly [number, number],
): OutstandingRecompute {
  const [fromMs, toMs] = interval.map((second) => START_MS + second * SECOND_MS) as [number, number]
  const witnessedMs = START_MS + 2 * HOUR_MS - 5_000
  const refused = [{ partition: 'web@2', first: 1, last: 5, witnessedMs, below: [] }]
  const rest = { ruleRev: 'rev', ruleset: rules.hash, reachMs: 6 * 60_000, adjoining: null }
  return { id, ruleId, group, fromMs, toMs, refused, ...rest }
}

const EVALUATED = [{ id: 'web@2', next: 5, lastReceivedMs: START_MS + 2 * HOUR_MS }]
const TASK = {
  outstanding: [
    outstanding(1, 'errors', '["a"]', [30, 30]),
    outstanding(2, 'errors', '["b"]', [100, 100]),
    outstanding(3, 'panics', '[]', [50, 50]),
    outstanding(4, 'gone', '[]', [50, 50]),
  ],
  evaluated: EVALUATED,
}

function spare(): SpareRecompute {
  return new SpareRecompute({ data, selfKey: '00'.repeat(32) }, () => undefined)
}

describe('one pass over the journal', () => {
  it('answers for all its rules and groups together, with what came in time beside what did not', async () => {
    const { answer, records, missingBeforeMs } = await spare().run(rules.content(), TASK)
    expect(missingBeforeMs).toBeNull()
    expect(records).toBe(7)
    // Of a rule that is not there nothing can be said, and it is not asked again.
    expect(answer.ids.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
    const told = answer.episodes.map(({ ids, episode, lateMatches }) => ({
      ids,
      rule: episode.ruleId,
      from: (episode.startMs - START_MS) / SECOND_MS,
      to: (episode.endMs - START_MS) / SECOND_MS,
      matches: episode.matches,
      late: lateMatches,
    }))
    // The record at 40 s was not evaluated yet.
    expect(told.sort((a, b) => a.ids[0]! - b.ids[0]!)).toEqual([
      { ids: [1], rule: 'errors', from: 30, to: 30, matches: 3, late: 1 },
      { ids: [3], rule: 'panics', from: 50, to: 50, matches: 1, late: 1 },
    ])
    expect(answer.episodes[0]!.cause).toMatch(/^its events came too late/)
  })

  it('is the same in the thread that asks for it', async () => {
    const journal = openJournalReader({ folder: journalFolder({ data }), report: () => undefined })
    const here = await runRecompute({ journal, event: new GelfEvent() }, rules, TASK)
    journal.close()
    expect(await spare().run(rules.content(), TASK)).toEqual(here)
  })

  it('says from when on the journal still held what was asked for', async () => {
    const gone = { id: 'web@0', next: 9, lastReceivedMs: START_MS - 1_000 }
    const task = { ...TASK, evaluated: [...EVALUATED, gone] }
    const { missingBeforeMs, answer } = await spare().run(rules.content(), task)
    expect(missingBeforeMs).toBe(START_MS - 1_000)
    expect(answer.episodes[0]!.cause).toContain('received before 2026-01-01T08:59:59.000Z')
  })

  it('fails by itself: a rule set that cannot be read takes no thread with it', async () => {
    await expect(spare().run('{', TASK)).rejects.toThrow(/JSON/)
  })

  it('can be ended', async () => {
    const thread = spare()
    const pass = thread.run(rules.content(), TASK)
    await thread.stop()
    await expect(pass).rejects.toThrow(/ended/)
  })
})
