/** `docs/reference/time.md` is played: every table and every picture's times, by the engine. */
import { describe, expect, it } from 'vitest'

import { compileRuleset } from '../../src/config/ruleset.ts'
import { EVENT_FLAGS } from '../../src/model/event.ts'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import { FUTURE_CLAMP_MS, PlainEvent } from '../../src/model/plain-event.ts'
import { Backtest } from '../../src/rules/backtest.ts'
import type { BacktestLine } from '../../src/rules/backtest-lines.ts'
import { createIndexedMatcher } from '../../src/rules/matching/indexed-matcher.ts'
import { codeIn, readPage, rowsOf } from './page.ts'
import type { Table } from './page.ts'
import { isStory, play, timeOf } from './story-table.ts'

const page = readPage('time')

interface Example {
  readonly name: string
  readonly rule: string
  readonly table: Table
}

/** Each story with the rule that stands above it. */
function examples(): Example[] {
  const found: Example[] = []
  let rule: string | undefined
  for (const part of page.parts) {
    if ('code' in part) {
      if (part.language === 'yaml') rule = part.code
      continue
    }
    if (!isStory(part)) continue
    if (rule === undefined) throw new Error(`${part.heading}: a story before any rule`)
    found.push({ name: `${part.heading}, story ${found.length + 1}`, rule, table: part })
  }
  return found
}

describe('the stories', () => {
  const stories = examples()

  it('are there', () => {
    expect(stories.length).toBeGreaterThan(15)
  })

  it.each(stories)('$name goes as it is told', ({ rule, table }) => {
    expect(play(rule, table).rows).toEqual(table.rows)
  })

  it.each(stories)('$name counts every match once when all has settled', ({ rule, table }) => {
    const { matches, counted } = play(rule, table).story.settle()
    expect(counted).toBe(matches)
  })

  it.each(stories)('$name goes the same when it is run again', ({ rule, table }) => {
    const { story } = play(rule, table)
    story.settle()
    expect(story.replay().differences).toBe(0)
  })

  it('that claim another order end with the same episode', () => {
    const settled = stories
      .filter(({ table }) => table.heading === 'Order')
      .map(({ table }) => table.rows.at(-1)!['told'])
    expect(settled.length).toBe(2)
    expect(new Set(settled).size).toBe(1)
    expect(settled[0]).toMatch(/^settled, /)
  })
})

describe('the page', () => {
  it('has no block and no table that nobody runs', () => {
    const fences = page.text.split('\n').filter((line) => line.trimStart().startsWith('```'))
    expect(fences.length).toBe(2 * page.blocks.length)
    const languages = page.blocks.map(({ language }) => language)
    expect(new Set(languages)).toEqual(new Set(['yaml', 'text']))
    const others = page.tables.filter((table) => !isStory(table)).map(({ columns }) => columns)
    expect(others).toEqual([
      ['counted', 'when'],
      ['flag', 'of', 'because'],
    ])
  })

  it('backs every picture by the story under it: each of its times stands there', () => {
    const times = /\d\d:\d\d:\d\d(?:\.\d{3})?/g
    for (const [i, part] of page.parts.entries()) {
      if (!('code' in part) || part.language !== 'text') continue
      const story = page.parts.slice(i + 1).find((next) => !('code' in next))
      expect(story?.heading).toBe(part.heading)
      expect(isStory(story as Table)).toBe(true)
      const shown = new Set(JSON.stringify(story).match(times))
      const drawn = part.code.match(times) ?? []
      expect(drawn.filter((time) => !shown.has(time))).toEqual([])
      expect(drawn.length).toBeGreaterThan(0)
    }
  })

  it('names the figures that are in force', () => {
    expect(DEFAULT_TIMING).toEqual({ reorderMs: 5_000, idleAfterMs: 60_000 })
    expect(FUTURE_CLAMP_MS).toBe(5 * 60_000)
    const figures = ['`reorder` (5 s)', '`idle_after` (60 s)', 'more than 5 minutes ahead']
    for (const figure of figures) expect(page.text).toContain(figure)
  })

  it('is right about files: without times of receipt a fast clock makes others late', () => {
    const { ruleset } = compileRuleset({
      documents: [{ file: 'time.md', text: 'rule: all\nwhere: "*"\nmatch: {}\nlate_by: 1m' }],
      inputs: {},
      fields: {},
    })
    const lines: BacktestLine[] = []
    const backtest = new Backtest({
      ruleset,
      matcherFor: (running) => createIndexedMatcher(running, undefined, {}),
      reorderMs: DEFAULT_TIMING.reorderMs,
      onLine: (line) => lines.push(line),
    })
    for (const text of ['10:00:00', '10:04:50', '10:00:01', '10:00:02']) {
      const timeMs = timeOf(text)
      const fields = new Map([['message', text]])
      backtest.event(new PlainEvent({ fields, timeMs, receivedMs: timeMs, hash: [0, 0] }))
    }
    backtest.finish()
    expect(lines.at(-1)).toMatchObject({ type: 'summary', firings: 2, skipped: { late: 2 } })
  })

  it('lists what is counted in the words of the ledger', () => {
    const rows = rowsOf(page, 'counted', 'when').map((row) => codeIn(row['counted']!))
    const used = page.tables
      .filter(isStory)
      .flatMap(({ rows: cells }) => cells.flatMap((row) => row['counted']?.split('; ') ?? []))
      .filter((cell) => cell !== '—')
      .map((cell) => cell.replace(/ \d+$/, ''))
    expect(used.filter((word) => !rows.includes(word))).toEqual([])
    expect(rows.filter((word) => word !== 'skipped cap' && !used.includes(word))).toEqual([])
  })

  it('names metrics that exist', () => {
    const named = page.text.match(/tocsin_[a-z_]+_(total|seconds)/g) ?? []
    const metrics = readPage('metrics').text
    expect(named.length).toBeGreaterThan(2)
    expect(named.filter((name) => !metrics.includes(`\`${name}\``))).toEqual([])
  })

  it('lists flags that exist', () => {
    const rows = rowsOf(page, 'flag', 'of', 'because')
    const ofEvents = rows.filter((row) => row['of'] === 'event')
    for (const row of ofEvents) expect(EVENT_FLAGS).toContain(codeIn(row['flag']!))
    const ofEpisodes = rows.filter((row) => row['of'] === 'episode')
    expect(ofEpisodes.map((row) => codeIn(row['flag']!))).toEqual(['approximate', 'capped'])
  })
})
