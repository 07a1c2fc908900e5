/**
 * A brute force in a real log of OpenSSH, told by the command line and by the running service:
 * exactly the groups, first lines, firings and episodes that were computed elsewhere.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'

import type { BacktestLine } from '../../src/rules/backtest-lines.ts'
import { jsonOfCli } from '../support/cli.ts'
import { sendGelfTcp } from '../support/gelf-tcp.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWebhookReceiver } from '../support/webhook-receiver.ts'
import type { WebhookReceiver } from '../support/webhook-receiver.ts'
import { corpus } from './corpus.ts'

const LOG = 'loghub/OpenSSH/OpenSSH_2k.gelf.jsonl'
const WINDOW_MS = 60_000
const HOUR_MS = 3_600_000
/** The `at_least` of each rule. */
const AT_LEAST: Readonly<Record<string, number>> = {
  'ssh-bruteforce': 5,
  'ssh-bruteforce-heavy': 20,
}
const FAILED = 'Failed password for '

// In the answers an episode ends after one window without a firing.
const RULES = `
rule: ssh-bruteforce
title: Five failed passwords from one address within a minute
severity: high
where: { message: { starts_with: "${FAILED}" } }
group_by: [src_ip]
threshold: { at_least: 5, within: 60s }
late_by: 0s
clear: { quiet_for: 60s }
---
rule: ssh-bruteforce-heavy
title: Twenty failed passwords from one address within a minute
severity: critical
where: { message: { starts_with: "${FAILED}" } }
group_by: [src_ip]
threshold: { at_least: 20, within: 60s }
late_by: 0s
clear: { quiet_for: 60s }
`
const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const TOKEN = 'a-token-for-the-tests-of-openssh-only'
const CONFIG = `
inputs:
  - { name: bastion, type: gelf-tcp, listen: "127.0.0.1:0", idle_after: 1s }
receivers:
  - name: oncall
    webhook: { url: "http://127.0.0.1:\${RECEIVER_PORT}/", secret: "${SECRET}" }
    allow: { http: true, addresses: [127.0.0.0/8], ports: ["\${RECEIVER_PORT}"] }
http:
  listen: "127.0.0.1:0"
  tokens: [{ name: test, token: "${TOKEN}", roles: [viewer] }]
`

/** An episode as both the answers and the service tell it; times in ms. */
interface Told {
  readonly rule: string
  readonly group: string
  readonly start: number
  readonly end: number
  readonly peak: number
  readonly firings: number
  readonly matches: number
}

let folder: string | undefined
let service: RunningService | undefined
let receiver: WebhookReceiver | undefined

afterEach(async () => {
  await service?.stop('SIGKILL')
  await receiver?.close()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  service = receiver = folder = undefined
})

it('is told by "tocsin backtest" line by line', async () => {
  folder = serviceFolder({ 'rules/ssh.yaml': RULES })
  const args = ['--rules', join(folder, 'rules'), '--events', corpus(LOG)]
  const lines = await jsonOfCli<BacktestLine>('backtest', ...args)
  const firings = lines.filter((line) => line.type === 'firing')
  for (const [rule, { groups, firing_events_total }] of answers()) {
    const own = firings.filter((firing) => firing.rule === rule)
    const first = Map.groupBy(own, ({ group }) => group['src_ip']!)
    const told = [...first].map(([key, [one, ...others]]) => ({
      key,
      first_fire_at: one!.at,
      first_fire_line: one!.event + 1,
      firing_events: others.length + 1,
    }))
    const expected = groups.map(({ key, first_fire_at, first_fire_line, firing_events }) => {
      return { key, first_fire_at: Date.parse(first_fire_at), first_fire_line, firing_events }
    })
    expect(inOrder(told), rule).toEqual(inOrder(expected))
    expect(own).toHaveLength(firing_events_total)
  }
  const settled = lines.flatMap((line) => {
    if (line.type !== 'episode' || line.change !== 'settled') return []
    const { rule, group, start, end, peak, firings: count, matches } = line
    return [{ rule, group: group['src_ip']!, start, end, peak, firings: count, matches }]
  })
  expect(inOrder(settled)).toEqual(inOrder(expectedEpisodes(0)))
  expect(lines.at(-1)).toMatchObject({ type: 'summary', events: 2_000, skipped: {} })
})

describe('the running service', () => {
  it('settles the same episodes from an old log, as old news without an incident', async () => {
    const running = await serviceWith(records(0))
    const episodes = await settledEpisodes(running)
    expect(inOrder(episodes.map(told))).toEqual(inOrder(expectedEpisodes(0)))
    expect(new Set(episodes.map(({ disposition }) => disposition))).toEqual(new Set(['old_news']))
    expect(await incidents(running)).toEqual([])
    expect(receiver!.received).toEqual([])
  })

  it('opens incidents for what is fresh when the log ends a few minutes ago', async () => {
    // With the end five minutes ago every opening is at least four minutes away from an hour ago,
    // where it would stop being fresh: slowness of this machine changes nothing.
    const lastMs = messages().at(-1)!.timeMs
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000
    const shiftMs = nowMs - 5 * 60_000 - lastMs
    const running = await serviceWith(records(shiftMs))
    const episodes = await settledEpisodes(running)
    const expected = expectedEpisodes(shiftMs)
    expect(inOrder(episodes.map(told))).toEqual(inOrder(expected))

    const fresh = expected.filter(({ start }) => start > nowMs - HOUR_MS)
    expect(fresh.length).toBe(4)
    const opened = episodes.filter(({ disposition }) => disposition === 'opened')
    expect(inOrder(opened.map(told))).toEqual(inOrder(fresh))
    const others = episodes.filter(({ disposition }) => disposition !== 'opened')
    expect(new Set(others.map(({ disposition }) => disposition))).toEqual(new Set(['old_news']))

    const names = fresh.map(({ rule, group }) => `${rule} ${group}`).sort()
    const found = await incidents(running)
    expect(found.map(({ ruleId, group }) => `${ruleId} ${group['src_ip']}`).sort()).toEqual(names)
    expect(new Set(found.map(({ signal }) => signal))).toEqual(new Set(['clear']))
    const types = (): string[] => receiver!.received.map(({ type }) => type)
    const isOf = (what: string): number => types().filter((type) => type.endsWith(what)).length
    await waitFor('the webhooks', () => (isOf('.signals_cleared') >= 4 ? true : undefined))
    expect(isOf('.identification.started')).toBe(4)
    expect(receiver!.rejected).toEqual([])
  })
})

/** Sends the records over one connection and resolves when all of them were evaluated. */
async function serviceWith(lines: readonly string[]): Promise<RunningService> {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/ssh.yaml': RULES })
  receiver = await startWebhookReceiver(SECRET)
  service = await startService(folder, { RECEIVER_PORT: String(receiver.port) })
  const running = service
  await sendGelfTcp(running.ports['bastion']!, lines)
  await waitFor('all records to be evaluated', async () => {
    const items = await list<{ evaluated: number }>(running, 'inputs')
    return items.reduce((sum, { evaluated }) => sum + evaluated, 0) === lines.length || undefined
  })
  return running
}

interface ApiEpisode {
  readonly ruleId: string
  readonly group: Readonly<Record<string, string>>
  readonly state: string
  readonly startMs: number
  readonly endMs: number
  readonly peak: number
  readonly firings: number
  readonly matches: number
  readonly disposition: string
}

function settledEpisodes(running: RunningService): Promise<ApiEpisode[]> {
  return waitFor('every episode to settle', async () => {
    const episodes = await list<ApiEpisode>(running, 'episodes?limit=500')
    const isDone = episodes.length > 0 && episodes.every(({ state }) => state === 'settled')
    return isDone ? episodes : undefined
  })
}

function told({ ruleId, group, startMs, endMs, peak, firings, matches }: ApiEpisode): Told {
  return {
    rule: ruleId,
    group: group['src_ip']!,
    start: startMs,
    end: endMs,
    peak,
    firings,
    matches,
  }
}

function incidents(
  running: RunningService,
): Promise<{ ruleId: string; group: Record<string, string>; signal: string }[]> {
  return list(running, 'incidents?limit=500')
}

async function list<T>(running: RunningService, path: string): Promise<T[]> {
  const headers = { authorization: `Bearer ${TOKEN}` }
  const answer = await fetch(`${running.url}/api/v1/${path}`, { headers })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return ((await answer.json()) as { items: T[] }).items
}

interface Answer {
  readonly rule_id: string
  readonly expected: {
    readonly firing_events_total: number
    readonly groups: readonly {
      readonly key: string
      readonly first_fire_at: string
      readonly first_fire_line: number
      readonly firing_events: number
      readonly episodes: readonly {
        readonly start: string
        readonly end: string
        readonly peak: number
        readonly firing_events: number
      }[]
    }[]
  }
}

function answers(): [string, Answer['expected']][] {
  const text = readFileSync(corpus('loghub/OpenSSH/expected.json'), 'utf8')
  const { rules } = JSON.parse(text) as { rules: Answer[] }
  return Object.keys(AT_LEAST).map((id) => {
    return [id, rules.find(({ rule_id }) => rule_id === id)!.expected]
  })
}

/** The answers' episodes, with the matches counted here from the log. */
function expectedEpisodes(shiftMs: number): Told[] {
  return answers().flatMap(([rule, { groups }]) =>
    groups.flatMap(({ key, episodes }) =>
      episodes.map(({ start, end, peak, firing_events }) => {
        const [startMs, endMs] = [Date.parse(start), Date.parse(end)]
        const matches = matchesOf(key, AT_LEAST[rule]!, startMs, endMs)
        const times = { start: startMs + shiftMs, end: endMs + shiftMs }
        return { rule, group: key, ...times, peak, firings: firing_events, matches }
      }),
    ),
  )
}

/** Failed logins of one address in the window of a firing of the episode, by brute force. */
function matchesOf(address: string, atLeast: number, startMs: number, endMs: number): number {
  const failed = messages().filter((one) => one.isFailed && one.address === address)
  const windowOf = (end: number): number[] =>
    failed.flatMap(({ timeMs }, i) => {
      const isIn = i <= end && timeMs > failed[end]!.timeMs - WINDOW_MS
      return isIn ? [i] : []
    })
  const inWindows = new Set<number>()
  for (const [i, { timeMs }] of failed.entries()) {
    if (timeMs < startMs || timeMs > endMs) continue
    const window = windowOf(i)
    if (window.length >= atLeast) for (const each of window) inWindows.add(each)
  }
  return inWindows.size
}

interface Message {
  readonly gelf: Readonly<Record<string, unknown>>
  readonly timeMs: number
  readonly address: unknown
  readonly isFailed: boolean
}

function messages(): Message[] {
  const lines = readFileSync(corpus(LOG), 'utf8').trim().split('\n')
  return lines.map((line) => {
    const gelf = JSON.parse(line) as Record<string, unknown>
    const isFailed = String(gelf['short_message']).startsWith(FAILED)
    const timeMs = Number(gelf['timestamp']) * 1_000
    return { gelf, timeMs, address: gelf['_src_ip'], isFailed }
  })
}

function records(shiftMs: number): string[] {
  return messages().map(({ gelf, timeMs }) =>
    JSON.stringify({ ...gelf, timestamp: (timeMs + shiftMs) / 1_000 }),
  )
}

function inOrder<T>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
