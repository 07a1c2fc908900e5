import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eachEvent, type EventsFormat } from '../../src/cli/events-file.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-events-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const times = async (format: EventsFormat, lines: readonly object[]) => {
  const file = join(folder, 'events.jsonl')
  writeFileSync(file, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`)
  const seen: [index: number, timeMs: number, receivedMs: number, flags: readonly string[]][] = []
  const count = await eachEvent(file, format, (view, index) => {
    seen.push([index, view.timeMs, view.receivedMs, [...view.flags]])
  })
  expect(count).toBe(lines.length)
  return seen
}
const gelf = (timestamp?: unknown) => ({ host: 'h', short_message: 'm', timestamp })

test('an event counts as received at the greatest time so far, so none is ever ahead', async () => {
  const stated = [gelf(1_000), gelf(900.5), gelf(), gelf(4_000_000_000)]
  expect(await times('gelf', stated)).toEqual([
    [0, 1_000_000, 1_000_000, []],
    [1, 900_500, 1_000_000, []],
    [2, 1_000_000, 1_000_000, []],
    [3, 4_000_000_000_000, 4_000_000_000_000, []],
  ])
})

test('in plain JSON the time is seconds or RFC 3339', async () => {
  const stated = [
    { timestamp: 10.25 },
    { timestamp: '1970-01-01T00:00:09Z' },
    { timestamp: 'soon' },
    {},
  ]
  expect(await times('json', stated)).toEqual([
    [0, 10_250, 10_250, []],
    [1, 9_000, 10_250, []],
    [2, 10_250, 10_250, ['timestamp_replaced']],
    [3, 10_250, 10_250, []],
  ])
})

test('a line is the same event wherever the reading of the file is split', async () => {
  const file = join(folder, 'large.jsonl')
  const filler = 'x'.repeat(700)
  const count = 5_000 // 3.6 MB: several reads of 1 MiB.
  writeFileSync(
    file,
    Array.from({ length: count }, (_, n) => JSON.stringify({ n, filler })).join('\n'),
  )
  let sum = 0
  const total = await eachEvent(file, 'json', (view, index) => {
    expect(view.get('n')).toBe(index)
    sum += Number(view.get('n'))
  })
  expect(total).toBe(count)
  expect(sum).toBe((count * (count - 1)) / 2)
})

test('numbers that a double cannot hold stay as they were written', async () => {
  const file = join(folder, 'numbers.jsonl')
  writeFileSync(file, '{"a":9007199254740993,"b":1e999,"c":0.1,"d":9007199254740991}')
  const seen: unknown[] = []
  await eachEvent(
    file,
    'json',
    (view) => void seen.push(...['a', 'b', 'c', 'd'].map((name) => view.get(name))),
  )
  expect(seen).toEqual(['9007199254740993', '1e999', 0.1, 9007199254740991])
})
