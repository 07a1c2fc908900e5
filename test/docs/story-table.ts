/** Reads the tables of `docs/reference/time.md`, plays them, and writes them as they came out. */
import type { LedgerDelta, Recompute } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { Watermark } from '../../src/model/partition.ts'
import type { Table } from './page.ts'
import { Story } from './story.ts'
import type { Outcome } from './story.ts'

const DAY_MS = 86_400_000
const TODAY_MS = Date.UTC(2026, 2, 4)
const NOTHING = '—'
const DEFAULT_INPUT = 'web'

type Row = Table['rows'][number]

/** A table that begins with `now` and `event` is a story. */
export function isStory(table: Table): boolean {
  return table.columns[0] === 'now' && table.columns.includes('event')
}

/** Plays the story of a table and returns its rows with what the engine answered. */
export function play(rule: string, table: Table): { readonly story: Story; readonly rows: Row[] } {
  const named = table.rows.flatMap((row) => (row['input'] ?? DEFAULT_INPUT).split(', '))
  const inputs = [...new Set(named)].filter((input) => input !== NOTHING)
  const story = new Story(rule, inputs)
  let nth = 0
  const rows = table.rows.map((row) => {
    const outcome = act(story, row, () => nth++)
    const since = { counted: countedText(story.counted()), readBack: story.readBack() }
    return Object.fromEntries(
      table.columns.map((column) => [column, answer({ story, row, column, outcome, ...since })]),
    )
  })
  return { story, rows }
}

const ERRORS = /^(?:(\d+) × )?(error|ok)(?: by (\w+))?$/
const STATES = /^(\w+) (?:is (behind|caught up|down|up))$/

function act(story: Story, row: Row, nth: () => number): Outcome {
  const nowMs = timeOf(row['now']!)
  const input = row['input'] ?? DEFAULT_INPUT
  const event = row['event']!
  const errors = ERRORS.exec(event)
  if (errors !== null) {
    const [, times = '1', message, user] = errors
    const messages = Array.from({ length: Number(times) }, () =>
      JSON.stringify({
        version: '1.1',
        host: 'shop-1',
        short_message: message,
        ...timestampOf(row['time']!),
        ...(user === undefined ? {} : { _user: user }),
        _n: nth(),
      }),
    )
    return story.arrive(nowMs, input, messages)
  }
  if (row['time'] !== NOTHING && row['time'] !== undefined) {
    throw new Error(`"${event}" is no event that could have a time`)
  }
  if (event === 'other traffic') return story.traffic(nowMs, input.split(', '))
  if (event === 'the clock passes') return story.clock(nowMs)
  if (event === 'restart') return story.restart(nowMs)
  const state = STATES.exec(event)
  if (state === null) throw new Error(`"${event}" is no event that a story knows`)
  story.becomes(state[1]!, state[2] as 'behind' | 'caught up' | 'down' | 'up')
  return story.clock(nowMs)
}

function answer(at: {
  readonly story: Story
  readonly row: Row
  readonly column: string
  readonly outcome: Outcome
  readonly counted: string
  readonly readBack: readonly Recompute[]
}): string {
  const { story, row, column, outcome, counted, readBack } = at
  switch (column) {
    case 'now':
    case 'input':
    case 'event':
    case 'time':
      return row[column]!
    case 'counts as':
      return (
        outcome.times
          .map(({ timeMs, flags }) => [timeText(timeMs), ...flags].join(', '))
          .join('; ') || NOTHING
      )
    case 'watermark':
      return watermarkText(story.watermark)
    case 'told':
      return toldText(outcome.told, row[column]!)
    case 'counted':
      return counted
    case 'read back':
      return readBack.map(intervalText).join('; ') || NOTHING
    default: {
      const [input, is] = column.split(' ')
      if (!story.inputs.includes(input!)) throw new Error(`no story has a column "${column}"`)
      if (is === undefined) return watermarkText(story.watermarkOf(input!))
      return story.progressOf(input!).replace('_', ' ')
    }
  }
}

/** `10:00:05`, `10:00:05.250`, or one of them after `yesterday`; ms UTC. */
export function timeOf(text: string): number {
  const found = /^(yesterday )?(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?$/.exec(text)
  if (found === null) throw new Error(`"${text}" is no time of a story`)
  const [, yesterday, hours, minutes, seconds, ms = '0'] = found
  const dayMs = yesterday === undefined ? TODAY_MS : TODAY_MS - DAY_MS
  return (
    dayMs + ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000 + Number(ms)
  )
}

function timestampOf(text: string): { readonly timestamp?: number | string } {
  if (text === 'none') return {}
  if (text === 'unreadable') return { timestamp: 'soon' }
  return { timestamp: timeOf(text) / 1_000 }
}

function timeText(ms: number): string {
  const text = new Date(ms).toISOString().slice(11, 23).replace('.000', '')
  return ms < TODAY_MS ? `yesterday ${text}` : text
}

function intervalText(at: { readonly fromMs: number; readonly toMs: number }): string {
  return `${timeText(at.fromMs)}–${timeText(at.toMs)}`
}

function watermarkText({ ms, quality }: Watermark): string {
  if (!Number.isFinite(ms)) return 'unknown'
  return quality === 'assumed' ? `${timeText(ms)} assumed` : timeText(ms)
}

/** Counts of one row by class, in the order of the ledger's classes. */
function countedText(deltas: readonly LedgerDelta[]): string {
  const counts = new Map<string, number>()
  for (const { class: kind, reason, count } of deltas) {
    const name = reason === null ? kind : `${kind} ${reason}`
    counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join('; ') || NOTHING
}

const FIGURES: readonly (readonly [RegExp, (change: EpisodeChange) => string])[] = [
  [/^value \d+$/, ({ episode }) => `value ${episode.value}`],
  [/^peak \d+$/, ({ episode }) => `peak ${episode.peak}`],
  [/^matches \d+$/, ({ episode }) => `matches ${episode.matches}`],
  [/^firings \d+$/, ({ episode }) => `firings ${episode.firings}`],
  [/^severity \w+$/, ({ episode }) => `severity ${episode.severity}`],
  [
    /^[\d:.]+–[\d:.]+$/,
    ({ episode: { startMs, endMs } }) => intervalText({ fromMs: startMs, toMs: endMs }),
  ],
]

/** Every change, each with the figures that the page gives for it; one it lacks with all. */
function toldText(changes: readonly EpisodeChange[], written: string): string {
  if (changes.length === 0) return NOTHING
  const parts = written.split('; ')
  return changes
    .map((change, i) => {
      const [, ...figures] = parts[i]?.split(', ') ?? []
      const user = change.episode.group['user']
      const head = user === undefined ? change.change : `${change.change} of ${user}`
      const chosen = i < parts.length && written !== NOTHING ? figures.map(figureOf) : ALL
      return [head, ...chosen.map((figure) => figure(change))].join(', ')
    })
    .join('; ')
}

const ALL = FIGURES.map(([, figure]) => figure)

function figureOf(text: string): (change: EpisodeChange) => string {
  const found = FIGURES.find(([pattern]) => pattern.test(text))
  if (found === undefined) throw new Error(`"${text}" is no figure of an episode`)
  return found[1]
}
