import { describe, expect, it } from 'vitest'

import type { CommitEntry, LogBody } from '../../../src/model/commit.ts'
import { MatchBuilder } from '../../../src/model/match-builder.ts'
import type { Occurrence } from '../../../src/model/occurrence.ts'
import type { Slice } from '../../../src/rules/engine.ts'
import { LateShare } from '../../../src/threads/core/late-share.ts'

const MINUTE_MS = 60_000

class Run {
  readonly occurrences: Occurrence[] = []
  readonly #share = new LateShare((occurrence) => void this.occurrences.push(occurrence))

  /** Matches of an input at a minute, some of them late; answers what is told. */
  at(minute: number, input: string, matches: number, late: number) {
    const rows = new MatchBuilder()
    for (let i = 0; i < matches; i++) {
      const hash = [0, i] as const
      rows.add({ rule: 0, ordinal: i, timeMs: 0, maxTimeMs: 0, hash, group: '[]' })
    }
    const partition = `${input}@1`
    const slab = { partition, thread: 0, seq: 0, ruleset: '', count: matches, receivedMs: 0 }
    const slice: Slice = {
      partition,
      from: 0,
      matches: [{ ...slab, maxTimeMs: 0, ...rows.finish() }],
    }
    const nowMs = minute * MINUTE_MS
    const body = { kind: 'records', partition, from: 0, to: matches, nowMs, ruleset: '' } as const
    return told(this.#share.observe(entryOf(body, late), slice))
  }

  /** Only time passes. */
  clock(minute: number) {
    return told(this.#share.observe(entryOf(clockAt(minute), 0)))
  }
}

function clockAt(minute: number): LogBody {
  return { kind: 'clock', nowMs: minute * MINUTE_MS, partitions: [] }
}

function entryOf(body: LogBody, late: number): CommitEntry {
  const delta = { ruleId: 'r', hourMs: 0, class: 'skipped', reason: 'late', count: late } as const
  const effects = { episodes: [], slo: [], ledger: late > 0 ? [delta] : [], recomputes: [] }
  return { body, effects, effectsHash: 'as it was', partitions: [] }
}

function told({ effects, effectsHash }: CommitEntry) {
  // Not the engine's: a replay must not miss it.
  expect(effectsHash).toBe('as it was')
  return effects.episodes.map(({ change, episode: { group, value, matches, state } }) => ({
    change,
    input: group['input'],
    share: value,
    late: matches,
    state,
  }))
}

describe('the built-in rule on the share of late events', () => {
  it('tells once, after five minutes, of an input with a tenth of its matches late', () => {
    const run = new Run()
    run.clock(0)
    expect(run.at(1, 'web', 80, 8)).toEqual([])
    expect(run.at(4, 'web', 120, 12)).toEqual([])
    const facts = { input: 'web', share: 10, late: 20 }
    expect(run.clock(5)).toEqual([
      { change: 'opened', state: 'open', ...facts },
      { change: 'settled', state: 'settled', ...facts },
    ])
    expect(run.clock(10)).toEqual([])
  })

  it('says nothing of a smaller share, nor of few matches', () => {
    const run = new Run()
    run.clock(0)
    run.at(1, 'web', 1_000, 99)
    run.at(1, 'syslog', 99, 99)
    expect(run.clock(5)).toEqual([])
  })

  it('looks at each input by itself, and at each period', () => {
    const run = new Run()
    run.clock(0)
    run.at(1, 'web', 5_000, 0)
    run.at(1, 'syslog', 100, 50)
    expect(run.clock(6).map(({ input }) => input)).toEqual(['syslog', 'syslog'])
    run.at(7, 'web', 100, 11)
    expect(run.at(11, 'web', 100, 0).map(({ share }) => share)).toEqual([11, 11])
  })

  it('tells of a bout that lasts once an hour', () => {
    const run = new Run()
    run.clock(0)
    const minutes: number[] = []
    for (let minute = 1; minute <= 130; minute++) {
      if (run.at(minute, 'web', 100, 50).length > 0) minutes.push(minute)
    }
    expect(minutes).toEqual([5, 65, 125])
  })

  it('counts what came too late by input', () => {
    const run = new Run()
    run.at(1, 'web', 3, 2)
    run.at(1, 'web', 3, 0)
    expect(run.occurrences).toEqual([{ name: 'input.late', labels: { input: 'web' }, count: 2 }])
  })
})
