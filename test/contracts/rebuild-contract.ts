import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import type { RebuildPass } from '../../src/model/commit.ts'
import type { PartitionState } from '../../src/model/partition.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import type { FromRebuild } from '../../src/threads/messages.ts'
import type { SpareRebuild, SpareRebuildOptions } from '../../src/threads/rebuild/spare-rebuild.ts'
import { journalFolder } from '../../src/threads/thread-settings.ts'
import { waitFor } from '../support/wait-for.ts'
import { slab } from './slab-builder.ts'

const START_MS = Date.UTC(2026, 0, 1)
const SLABS = 200
const PER_SLAB = 10
const RECORDS = SLABS * PER_SLAB

const SOURCE = {
  documents: [
    {
      file: 'a.yaml',
      text: `rule: bad
where: kind:bad
group_by: [host_name]
late_by: 2s
threshold: { at_least: 3, within: 30s }
`,
    },
  ],
  inputs: { web: { labels: {}, reorderMs: 1_000, idleAfterMs: 60_000 } },
  fields: {},
}

/** Ten records a second of five hosts, every third of them bad; with a clock entry a minute. */
async function fill(data: string): Promise<void> {
  const writer = openJournalWriter({
    folder: journalFolder({ data }),
    report: () => undefined,
    clock: () => START_MS,
    maxSegmentBytes: 1,
  })
  const slabs = Array.from({ length: SLABS }, (_, nth) => {
    const receivedMs = START_MS + nth * 1_000
    const records = Array.from({ length: PER_SLAB }, (_, i) => {
      const kind = (nth * PER_SLAB + i) % 3 === 0 ? 'bad' : 'good'
      const own = { _kind: kind, _host_name: `h${i % 5}`, timestamp: receivedMs / 1_000 }
      return JSON.stringify({ version: '1.1', host: 'web', short_message: 'm', ...own })
    })
    return slab('web@1', records, nth, receivedMs)
  })
  // Two segments: reading goes on from one to the next.
  writer.append(slabs.slice(0, SLABS / 2))
  writer.append(slabs.slice(SLABS / 2))
  writer.close()
  await (await openSqliteStore({ file: join(data, 'tocsin.db') })).close()
  const database = new DatabaseSync(join(data, 'tocsin.db'))
  const insert = database.prepare(
    `INSERT INTO input_log (shard, no, epoch, kind, body, engine_version, effects_hash)
     VALUES ('main', ?, 1, 'clock', ?, 'v', 'h')`,
  )
  for (let minute = 0; minute * 60 < SLABS; minute++) {
    const nowMs = START_MS + minute * 60_000
    insert.run(1 + minute, JSON.stringify({ kind: 'clock', nowMs, partitions: [] }))
  }
  database.close()
}

/** What every place where edited rules are rebuilt promises (src/threads/messages.ts). */
export function rebuildContract(
  name: string,
  open: (options: SpareRebuildOptions) => SpareRebuild,
): void {
  describe(`the rebuild contract: ${name}`, () => {
    let data: string
    let spare: SpareRebuild
    const heard: FromRebuild[] = []
    const failures: Error[] = []

    beforeAll(async () => {
      data = mkdtempSync(join(tmpdir(), 'tocsin-spare-'))
      await fill(data)
    })
    afterAll(() => rmSync(data, { recursive: true, force: true }))
    beforeEach(() => {
      heard.length = 0
      failures.length = 0
      spare = open({
        settings: { data, selfKey: '00' },
        report: () => undefined,
        fail: (error) => void failures.push(error),
      })
      spare.listen((message) => void heard.push(message))
    })
    afterEach(() => spare.stop())

    const begin = (job: number): void => {
      spare.post({ kind: 'begin', job, source: SOURCE, rules: ['bad'] })
    }
    const pass = (job: number, from: number, to: number, clockBelow: number): void => {
      const ranges: RebuildPass['ranges'] = [{ partition: 'web@1', from, to }]
      spare.post({ kind: 'pass', job, pass: { ranges, clockBelow } })
    }
    /** The state after the passes of a job, at the end of the log. */
    const finish = async (job: number) => {
      const nowMs = START_MS + SLABS * 1_000
      const maxTimeMs = nowMs - 1_000
      const partition: PartitionState = {
        id: 'web@1',
        input: 'web',
        epoch: 1,
        next: RECORDS,
        maxTimeMs,
        maxReceivedMs: maxTimeMs,
        lastReceivedMs: maxTimeMs,
        link: 'up',
        progress: 'caught_up',
      }
      spare.post({ kind: 'finish', job, partitions: [partition], nowMs })
      return waitFor(`rebuild ${job}`, () => {
        if (failures.length > 0) throw failures[0]
        const found = heard.find((message) => message.kind === 'rebuilt' && message.job === job)
        return found as (FromRebuild & { readonly kind: 'rebuilt' }) | undefined
      })
    }

    test('one pass gives the state of what was read, and says how much that was', async () => {
      begin(1)
      pass(1, 0, RECORDS, 5)
      const { rebuilt, counts } = await finish(1)
      expect(counts).toEqual({ records: RECORDS, missing: 0 })
      // Every host was bad all the time: one episode each, from its third match on.
      const hosts = rebuilt.episodes.map(({ episode }) => episode.group['host_name'])
      expect(hosts).toHaveLength(5)
      expect(new Set(hosts)).toEqual(new Set(['h0', 'h1', 'h2', 'h3', 'h4']))
      const matches = rebuilt.episodes.reduce((sum, { episode }) => sum + episode.matches, 0)
      expect(matches).toBe(Math.ceil(RECORDS / 3))
      expect(rebuilt.buckets.length).toBeGreaterThan(0)
      for (const { ruleId, blob } of rebuilt.buckets) {
        expect([ruleId, blob.length > 0]).toEqual(['bad', true])
      }
      expect(Object.values(rebuilt.watermarks)).toEqual([START_MS + (SLABS - 2) * 1_000])
    })

    test('several passes give byte for byte what one gives, and are answered one by one', async () => {
      begin(1)
      pass(1, 0, RECORDS, 5)
      const whole = await finish(1)
      begin(2)
      pass(2, 0, 700, 2)
      pass(2, 700, 1_500, 3)
      pass(2, 1_500, RECORDS, 5)
      const parts = await finish(2)
      expect(parts.rebuilt).toEqual(whole.rebuilt)
      expect(heard.filter(({ job }) => job === 2).map(({ counts }) => counts.records)).toEqual([
        700,
        1_500,
        RECORDS,
        RECORDS,
      ])
    })

    test('records that are gone are counted as missing', async () => {
      begin(1)
      pass(1, 0, RECORDS + 30, 5)
      expect((await finish(1)).counts).toEqual({ records: RECORDS, missing: 30 })
    })

    test('a job that begins ends the one before, and a dropped one hands nothing over', async () => {
      begin(1)
      pass(1, 0, RECORDS, 5)
      spare.post({ kind: 'drop', job: 1 })
      spare.post({ kind: 'finish', job: 1, partitions: [], nowMs: START_MS })
      begin(2)
      pass(2, 0, 100, 5)
      begin(3)
      pass(3, 0, RECORDS, 5)
      const { counts } = await finish(3)
      expect(counts.records).toBe(RECORDS)
      const handedOver = heard.filter(({ kind }) => kind === 'rebuilt').map(({ job }) => job)
      expect(handedOver).toEqual([3])
    })

    test('rules that cannot be compiled are said to have failed', async () => {
      const documents = [{ file: 'a.yaml', text: 'rule: bad\nthreshold: many\n' }]
      spare.post({ kind: 'begin', job: 1, source: { ...SOURCE, documents }, rules: ['bad'] })
      const failure = await waitFor('the failure', () => failures[0])
      expect(failure.message).toContain('a.yaml')
    })

    test('nothing follows once it has been stopped', async () => {
      begin(1)
      pass(1, 0, RECORDS, 5)
      await spare.stop()
      const before = heard.length
      await new Promise((resolve) => setImmediate(resolve))
      expect(heard.filter(({ kind }) => kind === 'rebuilt')).toEqual([])
      expect(heard.length).toBe(before)
    })
  })
}
