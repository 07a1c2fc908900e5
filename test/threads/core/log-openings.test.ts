/** Who evaluates what of a log when its reader is replaced and does not know it yet. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { JournalReader, JournalWriter } from '../../../src/ingest/journal/journal.ts'
import { openJournalReader, openJournalWriter } from '../../../src/ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../../src/ingest/normalise/gelf-event.ts'
import { DEFAULT_TIMING } from '../../../src/model/partition.ts'
import { PartitionTracker } from '../../../src/rules/partition-tracker.ts'
import { Feeds, mayGrow } from '../../../src/threads/core/feeds.ts'
import { LoadedRules, NO_RULES } from '../../../src/threads/core/loaded-rules.ts'
import { LogOpenings } from '../../../src/threads/core/log-openings.ts'
import { Rematch } from '../../../src/threads/core/rematch.ts'
import { slab } from '../../contracts/slab-builder.ts'

const LOG = 'orders/A/0'
const RECORD = JSON.stringify({ version: '1.1', host: 'h', short_message: 'm' })
const RULES = new LoadedRules(NO_RULES)

describe('the opening of a log', () => {
  let folder: string
  let writer: JournalWriter
  let journal: JournalReader
  let partitions: PartitionTracker
  let feeds: Feeds
  let openings: LogOpenings
  let seq = 0

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-openings-'))
    const report = (): void => undefined
    writer = openJournalWriter({ folder, report, clock: () => 0 })
    journal = openJournalReader({ folder, report })
    restart([])
  })
  afterEach(() => {
    writer.close()
    journal.close()
    rmSync(folder, { recursive: true })
  })

  /** A core that knows what the states say. */
  function restart(states = partitions.states()): void {
    partitions = new PartitionTracker(states, () => DEFAULT_TIMING)
    feeds = new Feeds(new Rematch(journal, new GelfEvent()))
    feeds.openBacklog(journal, states)
    openings = new LogOpenings({ feeds, partitions, journal })
  }

  /** A reader of some epoch writes as many records, up to an offset. */
  function written(epoch: number, count: number, to: number): void {
    const records = Array.from({ length: count }, () => RECORD)
    const source = { to, times: new Float64Array(count), poison: [] }
    writer.append([{ ...slab(`in#${LOG}@${epoch}`, records, seq++), source }])
  }

  /** The core evaluates what is there; how many records, by partition. */
  function evaluated(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { partition, from, matches } of feeds.take(1_000, RULES)) {
      let to = from
      for (const { count, source, maxTimeMs, receivedMs } of matches) {
        to += count
        const offset = source && { offset: source.to }
        partitions.observe(partition, { maxTimeMs, receivedMs, to, nowMs: 0, ...offset })
      }
      counts[partition] = to - from
    }
    return counts
  }

  function found(high = 1_000, log = LOG): void {
    openings.add({
      kind: 'logs',
      thread: 0,
      input: 'in',
      request: 1,
      logs: [{ log, low: 0, high, start: 0 }],
    })
  }

  /** What `take` answers, with its entry applied as the commit would. */
  function opened(epoch: number): Readonly<Record<string, number>> | undefined {
    const [opening] = openings.take(epoch)
    if (opening === undefined) return undefined
    partitions.applyClock({ kind: 'clock', nowMs: 0, partitions: opening.states })
    return opening.answer.offsets
  }

  it('waits until everything that was read of it is evaluated, and goes on behind that', () => {
    found()
    expect(opened(1)).toEqual({ [LOG]: 0 })
    written(1, 3, 5)
    restart()
    found()
    expect(opened(2)).toBeUndefined()
    expect(evaluated()).toEqual({ [`in#${LOG}@1`]: 3 })
    expect(opened(2)).toEqual({ [LOG]: 5 })
    expect(partitions.state(`in#${LOG}@1`)).toMatchObject({ progress: 'retired', offset: 5 })
    expect(partitions.state(`in#${LOG}@2`)).toMatchObject({ progress: 'caught_up', offset: 5 })
  })

  it('takes what the former reader wrote up to that moment, and nothing that it writes later', () => {
    found()
    opened(1)
    written(1, 3, 5)
    restart()
    evaluated()
    found()
    written(1, 2, 7)
    expect(opened(2)).toBeUndefined()
    evaluated()
    expect(opened(2)).toEqual({ [LOG]: 7 })

    written(1, 4, 11)
    feeds.growBacklog(journal, 2, (id) => mayGrow(id, partitions.state(id)))
    expect(evaluated()).toEqual({})
    restart()
    expect(evaluated()).toEqual({})
  })

  it('evaluates nothing of a partition that no owner of the shard has opened', () => {
    written(1, 3, 3)
    restart()
    expect(evaluated()).toEqual({})
    found()
    expect(opened(2)).toEqual({ [LOG]: 0 })
  })

  it('gives up a topic that was made anew in the same entry that opens the new one', () => {
    found()
    opened(1)
    written(1, 3, 5)
    restart()
    evaluated()
    found(10, 'orders/B/0')
    const [opening] = openings.take(1)
    expect(opening!.answer.offsets).toEqual({ 'orders/B/0': 0 })
    expect(opening!.gaps).toEqual([
      { partition: `in#${LOG}@1`, from: 5, to: 5, reason: 'recreated' },
    ])
    expect(opening!.states).toEqual([
      { id: `in#${LOG}@1`, link: 'up', progress: 'retired' },
      { id: 'in#orders/B/0@1', link: 'up', progress: 'caught_up', offset: 0 },
    ])
  })
})
