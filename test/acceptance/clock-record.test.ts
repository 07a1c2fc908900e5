/**
 * An hour with an idle gap, a sender that was cut off and a change of daylight saving, recorded
 * from socket to database, gives the same episodes when it is run again a day later on a machine in
 * another time zone (design §4.1, §4.2): a replay reads the clock from the log.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import type { Episode } from '../../src/model/episode.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { databaseFile } from '../../src/threads/thread-settings.ts'
import { OneThreadService } from '../support/one-thread-service.ts'
import { keepWholeLog, runWholeLog } from '../support/whole-log.ts'

const S = 1_000
const DAY = 86_400 * S
const HOUR_SECONDS = 3_600
/** At 01:00 UTC, half an hour later, clocks in Berlin go from 02:00 to 03:00. */
const START_MS = Date.UTC(2026, 2, 29, 0, 30)

const SOURCE: RulesetSource = {
  documents: [
    {
      file: 'rules.yaml',
      text: `
rule: errors
where: "message:error"
group_by: [source]
threshold: { at_least: 3, within: 2m }
escalate: [{ at_least: 5, severity: critical }]
late_by: 1m
clear: { quiet_for: 3m }
---
rule: panics
from: [syslog]
where: "message:panic"
match: {}
late_by: 1m
clear: { quiet_for: 2m }
---
rule: received
where: "message:error"
clock: received
threshold: { at_least: 4, within: 30s }
clear: { quiet_for: 4m }
`,
    },
  ],
  inputs: {
    web: { ...DEFAULT_TIMING, labels: {} },
    syslog: { ...DEFAULT_TIMING, labels: {} },
  },
  fields: {},
}

type Input = 'web' | 'syslog'

interface Message {
  readonly input: Input
  readonly host: string
  readonly text: string
  /** When it happens, in seconds after the start. */
  readonly second: number
}

/** Nobody says anything. */
const GAP = { from: 600, to: 840 }
/** The sender of `syslog` has no connection and delivers what it kept when it has one again. */
const CUT = { from: 1_500, to: 1_980 }

function isIn(range: { readonly from: number; readonly to: number }, second: number): boolean {
  return range.from <= second && second < range.to
}

const EVENTS: readonly (readonly [at: string, Input, host: string, text: string])[] = [
  // Just before the gap: nothing witnesses the end.
  ['09:40', 'web', 'web-1', 'error'],
  ['09:45', 'web', 'web-1', 'error'],
  ['09:50', 'web', 'web-1', 'error'],
  // Ends while its input is cut off.
  ['24:30', 'syslog', 'db-1', 'panic'],
  // Of the sender that is cut off: the rules have gone on when the first three come.
  ['26:00', 'syslog', 'db-1', 'error'],
  ['26:01', 'syslog', 'db-1', 'error'],
  ['26:02', 'syslog', 'db-1', 'error'],
  ['32:50', 'syslog', 'db-1', 'error'],
  ['32:52', 'syslog', 'db-1', 'error'],
  ['32:54', 'syslog', 'db-1', 'error'],
  ['32:55', 'syslog', 'db-1', 'panic'],
  // Over the change of daylight saving.
  ['29:10', 'web', 'web-2', 'error'],
  ['29:40', 'web', 'web-2', 'error'],
  ['30:00', 'web', 'web-2', 'error'],
  ['30:20', 'web', 'web-2', 'error'],
  ['30:40', 'web', 'web-2', 'error'],
  ['44:00', 'web', 'web-1', 'error'],
  ['44:30', 'web', 'web-1', 'error'],
  ['45:00', 'web', 'web-1', 'error'],
  ['50:00', 'syslog', 'db-2', 'panic'],
  // Still open when the hour is over.
  ['59:10', 'web', 'web-3', 'error'],
  ['59:20', 'web', 'web-3', 'error'],
  ['59:30', 'web', 'web-3', 'error'],
  ['59:59', 'web', 'web-3', 'ok'],
]

/** Worked out by hand from the rules and the events. */
const EXPECTED = [
  'errors web-1 09:50–09:50 matches 3 firings 1 peak 3 medium',
  'panics 24:30–24:30 matches 1 firings 1 peak 1 medium',
  'errors web-2 30:00–30:40 matches 5 firings 3 peak 5 critical',
  'errors db-1 32:54–32:54 matches 3 firings 1 peak 3 medium',
  'panics 32:55–32:55 matches 1 firings 1 peak 1 medium',
  'received 33:00–33:00 matches 6 firings 3 peak 6 medium',
  'errors web-1 45:00–45:00 matches 3 firings 1 peak 3 medium',
  'panics 50:00–50:00 matches 1 firings 1 peak 1 medium',
]
const STILL_OPEN = 'errors web-3 59:30–59:30 matches 3 firings 1 peak 3 medium'

/**
 * When the process is killed, each time as if for ever, and what it must end with: in the gap, twice
 * while the sender is cut off, the second time just after the clocks have changed, and at the end.
 */
const KILLS: readonly { readonly second: number; readonly episodes: readonly string[] }[] = [
  { second: 725, episodes: EXPECTED.slice(0, 1) },
  { second: 1_622, episodes: EXPECTED.slice(0, 2) },
  {
    second: 1_822,
    episodes: [
      ...EXPECTED.slice(0, 2),
      'errors web-2 30:00–30:20 matches 4 firings 2 peak 4 medium',
    ],
  },
  { second: 3_599, episodes: [...EXPECTED, STILL_OPEN] },
]

/** What arrives in each second, the oldest first. */
function messagesOfHour(): Map<number, Message[]> {
  const messages = EVENTS.map(([at, input, host, text]): Message => {
    const [minutes, seconds] = at.split(':').map(Number)
    return { input, host, text, second: minutes! * 60 + seconds! }
  })
  for (let second = 1; second < HOUR_SECONDS; second += 20) {
    if (isIn(GAP, second)) continue
    messages.push({ input: 'web', host: 'web-9', text: 'ok', second })
    if (second % 40 === 1) messages.push({ input: 'syslog', host: 'db-9', text: 'ok', second })
  }
  messages.sort((a, b) => a.second - b.second)
  const arriving = new Map<number, Message[]>()
  for (const message of messages) {
    const isKept = message.input === 'syslog' && isIn(CUT, message.second)
    const second = isKept ? CUT.to : message.second
    arriving.set(second, [...(arriving.get(second) ?? []), message])
  }
  return arriving
}

function gelf({ host, text, second }: Message): string {
  const timestamp = START_MS / S + second
  return JSON.stringify({ version: '1.1', host, short_message: text, timestamp })
}

const RECURSIVE = { recursive: true } as const

let data: string
let recorded: OneThreadService

beforeAll(async () => {
  vi.stubEnv('TZ', 'Europe/Berlin')
  const offsets = [0, HOUR_SECONDS * S].map((ms) => new Date(START_MS + ms).getTimezoneOffset())
  expect(offsets).toEqual([-60, -120])

  data = mkdtempSync(join(tmpdir(), 'tocsin-hour-'))
  recorded = new OneThreadService({ data, source: SOURCE, startMs: START_MS })
  await recorded.start(() => keepWholeLog(data))
  const arriving = messagesOfHour()
  for (let second = 1; second < HOUR_SECONDS; second++) {
    await recorded.second()
    if (second === CUT.from) await recorded.cutOff()
    for (const input of ['web', 'syslog'] as const) {
      const messages = (arriving.get(second) ?? []).filter((message) => message.input === input)
      if (messages.length > 0) await recorded.send(input, messages.map(gelf))
    }
    // Between two commits: what is left when the process is killed.
    if (KILLS.some((kill) => kill.second === second)) cpSync(data, killed(second), RECURSIVE)
  }
  await recorded.stop()
  vi.stubEnv('TZ', 'America/New_York')
}, 120_000)

afterAll(() => {
  vi.unstubAllEnvs()
  const folders = [data, ...KILLS.map(({ second }) => killed(second))]
  for (const folder of folders) rmSync(folder, { force: true, ...RECURSIVE })
})

describe('the hour as it was recorded', () => {
  it('has the episodes that its events make', () => {
    const expected = EXPECTED.map((episode) => `${episode} settled`)
    expect(stored(data)).toEqual([...expected, `${STILL_OPEN} open`])
  })

  it('has what came too late as old news', () => {
    expect(stored(data, true)).toEqual([
      'errors db-1 26:02–26:02 matches 3 firings 1 peak 3 medium settled',
    ])
  })

  it('was never in doubt about itself', () => {
    expect(recorded.found('core.invariant_broken')).toEqual([])
    expect(recorded.found('service.failed')).toEqual([])
  })
})

describe('a day later, in another time zone', () => {
  it('every entry is answered alike by an engine that begins with nothing', () => {
    const { changes, ledger, kinds, entries, differences } = runWholeLog(data, SOURCE)
    expect(differences).toBe(0)
    expect(entries).toBeGreaterThan(200)
    expect(kinds).toEqual(new Set(['rules', 'clock', 'records']))
    const settled = changes.filter(({ change }) => change === 'settled')
    const lines = settled.map(({ episode }) => `${lineOf(episode)} settled`)
    expect(lines.toSorted()).toEqual(EXPECTED.map((line) => `${line} settled`).toSorted())
    // The gap and the cut were seen as such, or the record would prove little.
    expect(changes.filter(({ change }) => change === 'opened').length).toBe(EXPECTED.length + 1)
    const idle = ledger.filter(({ reason }) => reason === 'idle')
    expect(idle).toMatchObject([{ ruleId: 'errors', count: 3 }])
  })

  it.each(KILLS)(
    'a process that was killed in second $second takes up where it was, and ends with the same',
    async ({ second, episodes }) => {
      const folder = killed(second)
      const opened = incidents(folder)
      const startMs = START_MS + second * S + DAY
      const next = new OneThreadService({ data: folder, source: SOURCE, startMs })
      await next.start()
      const [replayed] = next.found('core.replayed')
      expect(replayed!.detail).toMatchObject({ differences: 0 })
      expect(Number(replayed!.detail!['entries'])).toBeGreaterThan(0)
      // Nobody sends: after a minute the inputs are idle, and what was open ends by assumption.
      for (let passed = 0; passed < 75; passed++) await next.second()
      await next.stop()

      expect(stored(folder)).toEqual(episodes.map((line) => `${line} settled`))
      expect(next.found('core.invariant_broken')).toEqual([])
      expect(next.found('service.failed')).toEqual([])
      expect(incidents(folder)).toBe(opened)
      expect(opened).toBeGreaterThan(0)
    },
  )
})

function killed(second: number): string {
  return `${data}-${second}`
}

type Line = Pick<
  Episode,
  'ruleId' | 'groupKey' | 'startMs' | 'endMs' | 'matches' | 'firings' | 'peak' | 'severity'
>

function lineOf(episode: Line): string {
  const { ruleId, groupKey, startMs, endMs, matches, firings, peak, severity } = episode
  const group = groupKey === '' ? [] : (JSON.parse(groupKey) as string[])
  const interval = `${clockText(startMs)}–${clockText(endMs)}`
  const figures = `matches ${matches} firings ${firings} peak ${peak} ${severity}`
  return [ruleId, ...group, interval, figures].join(' ')
}

/** Minutes and seconds after the start. */
function clockText(timeMs: number): string {
  const seconds = (timeMs - START_MS) / S
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`
}

/** What was told as it happened, or read back from the journal because it came too late. */
function stored(folder: string, isOldNews = false): string[] {
  const rows = query<Line & { readonly state: string }>(
    folder,
    `SELECT rule_id AS ruleId, group_key AS groupKey, start_ms AS startMs, end_ms AS endMs,
       matches, firings, peak, severity, state FROM episode
     WHERE recomputed = ${isOldNews ? 1 : 0} ORDER BY start_ms, rule_id`,
  )
  return rows.map((row) => `${lineOf(row)} ${row.state}`)
}

function incidents(folder: string): number {
  return query<{ n: number }>(folder, 'SELECT count(*) AS n FROM incident')[0]!.n
}

function query<Row>(folder: string, sql: string): Row[] {
  const database = new DatabaseSync(databaseFile({ data: folder }), { readOnly: true })
  const rows = database.prepare(sql).all() as Row[]
  database.close()
  return rows
}
