/** `tocsin backtest` as a process over the generated streams, in order and with delays. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { BacktestLine } from '../../src/rules/backtest-lines.ts'
import { jsonOfCli } from '../support/cli.ts'
import { corpus } from './corpus.ts'

const RULE = `
rule: c_count5
title: Five failed logins of one address in a minute
severity: high
where: action:login_failed
group_by: [src]
threshold: { at_least: 5, within: 60s }
`

interface Expected {
  readonly events: number
  readonly answers: Readonly<
    Record<
      string,
      {
        readonly firing_events: number
        readonly groups: Readonly<
          Record<
            string,
            {
              readonly first_fire_index: number
              readonly first_fire_ts: number
              readonly firing_events: number
            }
          >
        >
      }
    >
  >
  readonly arrival_order_with_up_to_30s_delay: readonly number[]
}

const streams = readdirSync(corpus('correlation-streams'))
  .filter((name) => name.endsWith('.events.jsonl.gz'))
  .map((name) => name.replace('.events.jsonl.gz', ''))

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-streams-'))
  writeFileSync(join(folder, 'rule.yaml'), RULE)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('has four streams to run', () => {
  expect(streams).toHaveLength(4)
})

describe.each(streams)('the stream %s', (stream) => {
  const events = gunzipSync(readFileSync(corpus(`correlation-streams/${stream}.events.jsonl.gz`)))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly ts: number })
  const expected = JSON.parse(
    readFileSync(corpus(`correlation-streams/${stream}.expected.json`), 'utf8'),
  ) as Expected
  const orders: [string, readonly number[]][] = [
    ['in the order of the file', events.map((_, i) => i)],
    ['in an order with up to 30 s delay', expected.arrival_order_with_up_to_30s_delay],
  ]

  it.each(orders)('gives the computed groups, first firings and numbers %s', async (_, order) => {
    expect(order).toHaveLength(expected.events)
    const file = join(folder, `${stream}.jsonl`)
    const lines = order.map((index) => {
      const { ts, ...fields } = events[index]!
      return `${JSON.stringify({ timestamp: ts, ...fields })}\n`
    })
    writeFileSync(file, lines.join(''))
    const args = ['--rules', join(folder, 'rule.yaml'), '--events', file, '--format', 'json']
    const printed = await jsonOfCli<BacktestLine>('backtest', ...args)
    const firings = printed.filter((line) => line.type === 'firing')
    const found = Object.fromEntries(
      [...Map.groupBy(firings, ({ group }) => group['src']!)].map(([key, own]) => [
        key,
        {
          first_fire_index: order[own[0]!.event],
          first_fire_ts: own[0]!.at / 1_000,
          firing_events: own.length,
        },
      ]),
    )
    const { groups, firing_events } = expected.answers['c_count5']!
    expect(found).toEqual(groups)
    expect(firings).toHaveLength(firing_events)
    expect(printed.at(-1)).toMatchObject({ type: 'summary', events: expected.events, skipped: {} })
  })
})
