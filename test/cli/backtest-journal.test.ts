import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { register } from '../../src/cli/backtest.ts'
import { openJournalWriter } from '../../src/ingest/journal/sqlite-journal.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import type { ClockBody } from '../../src/store/sqlite/clock-entries.ts'
import { slab } from '../contracts/slab-builder.ts'
import { NOTHING, openKeyOf, request } from '../store/builders.ts'
import { jsonLines, runCommand } from './capture.ts'

const T0 = Date.parse('2026-03-29T00:00:00Z')
const MINUTE = 60_000

const RULES = `
rule: failures
title: Two failures of a user
severity: high
from: [web]
where: kind:failure
group_by: [user]
threshold: { at_least: 2, within: 1m }
late_by: 10s
clear: { quiet_for: 1m }
---
rule: anywhere
title: A failure on any input
severity: low
where: kind:failure
match: {}
late_by: 10s
clear: { quiet_for: 1m }
`

let folder: string
let data: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-backtest-'))
  data = join(folder, 'data')
  mkdirSync(join(data, 'journal'), { recursive: true })
  writeFileSync(join(folder, 'rules.yaml'), RULES)
})

afterEach(() => rmSync(folder, { recursive: true }))

/** One record, received at `atMs` after T0 with an event time `agoMs` before. */
interface Sent {
  readonly partition?: string
  readonly atMs: number
  readonly agoMs?: number
  readonly user?: string
  readonly kind?: string
}

function journal(...sent: readonly Sent[]): void {
  const writer = openJournalWriter({
    folder: join(data, 'journal'),
    report: () => undefined,
    clock: () => T0,
  })
  for (const [
    seq,
    { partition = 'web@1', atMs, agoMs = 0, user, kind = 'failure' },
  ] of sent.entries()) {
    const timestamp = (T0 + atMs - agoMs) / 1_000
    const message = { version: '1.1', host: 'h', short_message: 'm', timestamp, _kind: kind }
    const record = JSON.stringify({ ...message, ...(user === undefined ? {} : { _user: user }) })
    writer.append([slab(partition, [record], seq, T0 + atMs)])
  }
  writer.close()
}

async function database(...bodies: readonly ClockBody[]): Promise<void> {
  const store = await openSqliteStore({ file: join(data, 'tocsin.db') })
  await store.claim('test', T0)
  const effects = { episodes: [], slo: [], ledger: [], recomputes: [] }
  const entries = bodies.map((body) => ({ body, effects, effectsHash: 'h', partitions: [] }))
  await store.commit(request(1, [], { entries }), () => NOTHING, openKeyOf)
  await store.close()
}

function clock(
  atMs: number,
  partitions: Readonly<Record<string, 'idle' | 'caught_up' | 'retired'>> = {},
): ClockBody {
  const states = Object.entries(partitions).map(
    ([id, progress]) => ({ id, link: 'up', progress }) as const,
  )
  return { kind: 'clock', nowMs: T0 + atMs, partitions: states }
}

async function backtest(fromMs: number, toMs: number, ...more: readonly string[]) {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(T0 + ms).toISOString())
  const range = ['--from', from!, '--to', to!]
  const rules = ['--rules', join(folder, 'rules.yaml')]
  const captured = await runCommand(
    register,
    'backtest',
    ...rules,
    ...range,
    '--data',
    data,
    ...more,
  )
  return { ...captured, code: captured.codes.at(-1) }
}

/** What a rule was told, in short. */
function changes(lines: readonly Record<string, unknown>[], rule: string): string[] {
  return lines.flatMap((line) => {
    if (line['type'] !== 'episode' || line['rule'] !== rule) return []
    const [start, end] = [line['start'], line['end']].map((ms) => (Number(ms) - T0) / 1_000)
    return [`${String(line['change'])} ${start}..${end} ${String(line['matches'])}`]
  })
}

describe('tocsin backtest over the journal', () => {
  it('takes what was received in the range, of all inputs, in order of its receipt', async () => {
    journal(
      { atMs: 0, user: 'ann' },
      { atMs: 10_000, user: 'ann' },
      { atMs: 11_000, user: 'ann' },
      { atMs: 20_000, user: 'bob', partition: 'idp@1' },
      { atMs: 20_500, user: 'bob', partition: 'idp@1' },
      { atMs: 30_000, user: 'ann' },
    )
    await database(clock(0))
    const told = await backtest(10_000, 30_000, '--json')
    expect(told).toMatchObject({ code: 0, err: [] })
    const lines = jsonLines(told)
    const firings = lines.filter(({ type }) => type === 'firing')
    expect(firings.map(({ rule, partition, event }) => [rule, partition, event])).toEqual([
      ['anywhere', 'web@1', 1],
      ['failures', 'web@1', 2],
      ['anywhere', 'web@1', 2],
      ['anywhere', 'idp@1', 0],
      ['anywhere', 'idp@1', 1],
    ])
    expect(changes(lines, 'failures')).toEqual([
      'opened 11..11 2',
      'cleared 11..11 2',
      'settled 11..11 2',
    ])
    expect(lines.at(-1)).toMatchObject({ type: 'summary', events: 4, matches: 6, episodes: 2 })
  })

  it('lets an idle input pass time as the clock entries say', async () => {
    journal(
      { atMs: 0, user: 'ann' },
      { atMs: 5_000, user: 'ann' },
      { atMs: 10 * MINUTE, user: 'ann', agoMs: 9 * MINUTE },
    )
    await database(
      clock(0, { 'web@1': 'caught_up' }),
      clock(65_000, { 'web@1': 'idle' }),
      clock(5 * MINUTE),
    )
    const idle = await backtest(-MINUTE, 20 * MINUTE, '--json')
    // The event of minute 1 comes in minute 10: by then minute 3:55 was assumed to be over.
    expect(changes(jsonLines(idle), 'anywhere')).toEqual([
      'opened 0..0 1',
      'cleared 0..5 2',
      'settled 0..5 2',
    ])
    expect(jsonLines(idle).at(-1)).toMatchObject({ skipped: { idle: 2 } })
  })

  it('assumes nothing where the clock entries say that the input was never idle', async () => {
    journal(
      { atMs: 0, user: 'ann' },
      { atMs: 5_000, user: 'ann' },
      { atMs: 10 * MINUTE, user: 'ann', agoMs: 9 * MINUTE },
    )
    await database(clock(0, { 'web@1': 'caught_up' }), clock(5 * MINUTE))
    const told = await backtest(-MINUTE, 20 * MINUTE, '--json')
    expect(changes(jsonLines(told), 'anywhere').at(-1)).toBe('settled 0..60 3')
    expect(jsonLines(told).at(-1)).toMatchObject({ skipped: {} })
  })

  it('works out when inputs were idle where no database is there, and says so', async () => {
    journal(
      { atMs: 0, user: 'ann' },
      { atMs: 5_000, user: 'ann' },
      { atMs: 10 * MINUTE, user: 'ann', agoMs: 9 * MINUTE },
    )
    const told = await backtest(0, 20 * MINUTE, '--json')
    expect(told.err).toEqual([expect.stringContaining('no database is beside the journal')])
    expect(jsonLines(told).at(-1)).toMatchObject({ skipped: { idle: 2 } })
    expect(existsSync(join(data, 'tocsin.db'))).toBe(false)
    expect(existsSync(join(data, 'self.key'))).toBe(false)
  })

  it('knows from before the range how far an input had come', async () => {
    journal(
      { atMs: 0, user: 'ann' },
      { atMs: 1_000, user: 'ann', agoMs: MINUTE },
      { atMs: 2_000, user: 'bob' },
    )
    await database(clock(0))
    expect(jsonLines(await backtest(1_000, MINUTE, '--json')).at(-1)).toMatchObject({
      events: 2,
      skipped: { late: 2 },
    })
  })

  it('honours the settings of the inputs, and warns of rules that name others', async () => {
    journal({ atMs: 0, user: 'ann' }, { atMs: 1_000, user: 'ann', agoMs: 30_000 })
    await database(clock(0))
    const config = join(folder, 'tocsin.yaml')
    const settings = (name: string) =>
      `inputs: [{ name: ${name}, type: gelf-http, listen: "127.0.0.1:0", reorder: 25s }]\n`
    writeFileSync(config, settings('web'))
    const told = await backtest(0, MINUTE, '--json', '-c', config)
    expect(jsonLines(told).at(-1)).toMatchObject({ matches: 4, skipped: {} })
    const strict = await backtest(0, MINUTE, '--json', '-c', config, '--reorder', '1s')
    expect(jsonLines(strict).at(-1)).toMatchObject({ skipped: { late: 2 } })
    writeFileSync(config, settings('wbe'))
    const warned = await backtest(0, MINUTE, '--json', '-c', config)
    expect(warned.code).toBe(0)
    expect(warned.err.join('\n')).toContain('no input is called "web" (did you mean "wbe"?)')
  })

  it('takes times as durations ago', async () => {
    const args = ['--rules', join(folder, 'rules.yaml'), '--from', '2h', '--data', data]
    const captured = await runCommand(register, 'backtest', ...args)
    expect(captured.codes).toEqual([2])
    expect(captured.err.join('')).toContain('the journal is empty')
  })

  it.each([
    [
      'a range that ends before the journal begins',
      -2 * MINUTE,
      -MINUTE,
      2,
      'the journal begins at 2026-03-29T00:00:00.000Z, after the end of the range',
    ],
    ['a range that begins before it', -MINUTE, MINUTE, 0, 'nothing before it is kept'],
    [
      'a range after its latest record',
      MINUTE,
      2 * MINUTE,
      0,
      'the latest record was received at 2026-03-29T00:00:01.000Z',
    ],
  ])('says what is missing of %s', async (_, fromMs, toMs, code, sentence) => {
    journal({ atMs: 0, user: 'ann' }, { atMs: 1_000, user: 'ann' })
    await database(clock(0))
    const told = await backtest(fromMs, toMs)
    expect(told.code).toBe(code)
    expect(told.err.join('\n')).toContain(sentence)
  })

  it.each([
    ['no source at all', [], 'expected "--events FILE", or "--from T --to T"'],
    ['both sources', ['--events', 'x', '--from', '2h'], '"--from" is for the journal'],
    [
      'a range that ends before it begins',
      ['--from', '1h', '--to', '2h'],
      '"--from" must lie before "--to"',
    ],
    ['a folder without a journal', ['--from', '1h', '--data', '.'], 'no journal is there'],
    [
      'a configuration that is not there',
      ['--from', '1h', '-c', 'none.yaml'],
      'cannot read the configuration',
    ],
  ])('refuses %s', async (_, args, sentence) => {
    const rules = ['--rules', join(folder, 'rules.yaml')]
    const captured = await runCommand(register, 'backtest', ...rules, ...args)
    expect(captured.codes).toEqual([2])
    expect(captured.err.join('\n')).toContain(sentence)
  })

  it.each(['yesterday', '2026-03-29', '2026-03-29T00:00:00', '10'])(
    'refuses the time %s',
    async (time) => {
      await expect(
        runCommand(register, 'backtest', '--rules', folder, '--from', time),
      ).rejects.toThrow('expected a time such as')
    },
  )
})

describe('tocsin backtest --against', () => {
  const rule = (over: string): string =>
    RULES.replace('threshold: { at_least: 2, within: 1m }', over)

  function older(text: string): string {
    const path = join(folder, 'old.yml')
    mkdirSync(join(folder, 'old'), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  function traffic(): void {
    journal(
      { atMs: 0, user: 'ann' },
      { atMs: 1_000, user: 'ann' },
      { atMs: 2_000, user: 'ann' },
      { atMs: 3_000, user: 'bob' },
      { atMs: 4_000, user: 'bob' },
      { atMs: 10 * MINUTE, kind: 'calm' },
    )
  }

  it('shows nothing but the sum, and ends with 0, when nothing differs', async () => {
    traffic()
    await database(clock(0))
    const told = await backtest(0, 20 * MINUTE, '--json', '--against', older(RULES))
    expect(told).toMatchObject({ code: 0, err: [] })
    expect(jsonLines(told)).toEqual([
      {
        type: 'summary',
        events: 6,
        matches: 10,
        firings: 8,
        episodes: 3,
        skipped: {},
        gained: 0,
        lost: 0,
        moved: 0,
      },
    ])
  })

  it('shows what the new rules gain, lose and move, and ends with 1', async () => {
    traffic()
    await database(clock(0))
    const old = older(
      rule('threshold: { at_least: 3, within: 1m }').replace('rule: anywhere', 'rule: everywhere'),
    )
    const told = await backtest(0, 20 * MINUTE, '--json', '--against', old)
    expect(told).toMatchObject({ code: 1, err: [] })
    const lines = jsonLines(told)
    const episode = (
      start: number,
      end: number,
      matches: number,
      firings: number,
      severity = 'high',
    ) => ({
      start: T0 + start,
      end: T0 + end,
      matches,
      firings,
      peak: severity === 'low' ? 1 : matches,
      severity,
    })
    const differs = { type: 'difference', rule: 'failures' }
    const all = episode(0, 4_000, 5, 5, 'low')
    expect(lines.slice(0, -1)).toEqual([
      {
        ...differs,
        kind: 'gained',
        rule: 'anywhere',
        group: {},
        start: T0,
        end: T0 + 4_000,
        old: null,
        new: all,
      },
      {
        ...differs,
        kind: 'lost',
        rule: 'everywhere',
        group: {},
        start: T0,
        end: T0 + 4_000,
        old: all,
        new: null,
      },
      {
        ...differs,
        kind: 'moved',
        group: { user: 'ann' },
        start: T0 + 1_000,
        end: T0 + 2_000,
        old: episode(2_000, 2_000, 3, 1),
        new: episode(1_000, 2_000, 3, 2),
      },
      {
        ...differs,
        kind: 'gained',
        group: { user: 'bob' },
        start: T0 + 4_000,
        end: T0 + 4_000,
        old: null,
        new: episode(4_000, 4_000, 2, 1),
      },
    ])
    expect(lines.at(-1)).toMatchObject({ type: 'summary', events: 6, gained: 2, lost: 1, moved: 1 })
  })

  it('shows people a table', async () => {
    traffic()
    await database(clock(0))
    const old = older(rule('threshold: { at_least: 3, within: 1m }'))
    const { out, code } = await backtest(0, 20 * MINUTE, '--against', old)
    expect(code).toBe(1)
    expect(out.at(-1)).toBe('6 events, 3 episodes: 1 gained, 0 lost, 1 moved')
    expect(out[0]).toMatch(/^ +rule +start +end +severity +matches +firings +peak$/)
    expect(out[1]).toMatch(
      /^~ {2}moved +failures user=ann +2026-03-29T00:00:02.000Z → 2026-03-29T00:00:01.000Z +\S+ +high +3 +1 → 2 +3$/,
    )
    expect(out[2]).toMatch(/^\+ {2}gained +failures user=bob/)
  })

  it('compares over a file of events too', async () => {
    const events = join(folder, 'events.json')
    const line = (second: number) =>
      JSON.stringify({ timestamp: T0 / 1_000 + second, kind: 'failure', user: 'ann' })
    writeFileSync(events, `${line(0)}\n${line(1)}\n`)
    const old = older(rule('threshold: { at_least: 3, within: 1m }'))
    const rules = ['--rules', join(folder, 'rules.yaml'), '--against', old]
    const told = await runCommand(
      register,
      'backtest',
      ...rules,
      '--events',
      events,
      '--format',
      'json',
      '--json',
    )
    expect(told.codes).toEqual([1])
    expect(jsonLines(told).map(({ type, kind, rule: id }) => [type, kind, id])).toEqual([
      ['difference', 'gained', 'failures'],
      ['summary', undefined, undefined],
    ])
  })
})
