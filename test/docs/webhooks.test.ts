/** `docs/reference/webhooks.md`: the golden bodies, the schedule, and a `verify` that works. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { makeAttempt } from '../../src/alerting/attempt.ts'
import type { EgressRequest } from '../../src/alerting/egress.ts'
import { webhookHeaders } from '../../src/alerting/receivers/webhook/signature.ts'
import { receiverSchema } from '../../src/alerting/settings.ts'
import { ATTEMPTS_MAX, nextAttempt } from '../../src/alerting/schedule.ts'
import { verdict } from '../../src/alerting/verdict.ts'
import { Secret } from '../../src/lib/secret.ts'
import { formatDuration } from '../../src/model/duration.ts'
import type { IncidentCommand } from '../../src/model/command.ts'
import type { PendingDelivery } from '../../src/model/outbox.ts'
import { change, command, createStore, NOW } from '../incidents/builders.ts'
import { codeIn, codesIn, readPage, rowsOf } from './page.ts'

const page = readPage('webhooks')
const GOLDEN = new URL('../golden/', import.meta.url)
const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
const OTHER = `whsec_${Buffer.alloc(32, 4).toString('base64')}`
const NOW_MS = Date.UTC(2026, 2, 1)
const BODY = '{"message":"Grüße"}'
const DELIVERY: PendingDelivery = {
  id: 'msg_1',
  receiver: 'oncall',
  incidentId: 'i',
  orderKey: 'o',
  sequence: 1,
  type: 'incident.closed',
  body: BODY,
  state: 'pending',
  attempt: 0,
  nextMs: 0,
  createdMs: 0,
}

describe('the body', () => {
  it('is that of the golden file', () => {
    const [envelope, data] = page.blocks
      .filter(({ language }) => language === 'json')
      .map(({ code }) => JSON.parse(code) as Record<string, unknown>)
    const golden = JSON.parse(readFileSync(new URL('webhook-started.json', GOLDEN), 'utf8'))
    expect({ ...envelope, data }).toEqual(golden)
  })

  it('has the types that leave', () => {
    const named = rowsOf(page, 'type', 'when').map((row) => codeIn(row['type']!))
    const files = readdirSync(GOLDEN).filter((name) => name.startsWith('webhook-'))
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      const { type } = JSON.parse(readFileSync(new URL(file, GOLDEN), 'utf8')) as { type: string }
      expect(named).toContain(type)
    }
    const model = readFileSync(new URL('../../src/model/incident.ts', import.meta.url), 'utf8')
    const types = [...model.matchAll(/\| '(incident\.[\w.]+)'/g)].map((match) => match[1]!)
    expect(named).toEqual(types)
  })
})

describe('what was changed', () => {
  const rows = rowsOf(page, 'change', 'keys')

  it('has the keys of the page', () => {
    const store = createStore()
    const ask = (asked: IncidentCommand): void => {
      const commands = [command(asked, { actor: 'ana' })]
      const [result] = store.commit({ nowMs: NOW, commands }).results
      expect(result).toMatchObject({ ok: true })
    }
    store.commit({ nowMs: NOW, changes: [change('opened', { severity: 'high' })] })
    store.commit({ nowMs: NOW, changes: [change('escalated', { severity: 'critical' })] })
    const incidentId = store.incident(1).id
    ask({ kind: 'dismiss', incidentId, as: 'benign', reason: 'planned' })
    for (const row of rows) {
      const types = codesIn(row['of']!)
      const events = store.events.filter(({ type }) => types.includes(type))
      expect(events.length).toBeGreaterThan(0)
      for (const { report } of events) {
        expect(report.change!['field']).toBe(row['change'])
        expect(Object.keys(report.change!).toSorted()).toEqual(codesIn(row['keys']!).toSorted())
      }
    }
  })
})

describe('the request', () => {
  it('has exactly the headers of the page', async () => {
    const sent: EgressRequest[] = []
    const receiver = receiverSchema.parse({
      name: 'oncall',
      webhook: { url: 'https://hooks.example.org/', secrets: [SECRET, OTHER] },
    })
    const parts = {
      egress: {
        sendSigned: async (request: EgressRequest) => {
          sent.push(request)
          return { kind: 'answer' as const, status: 204, bodyStart: '', retryAfter: null }
        },
      },
      clock: () => NOW_MS,
      random: () => 0.5,
      span: async <T>(_name: string, _attributes: unknown, run: () => Promise<T>) => run(),
      cut: new AbortController().signal,
    }
    await makeAttempt(parts, DELIVERY, receiver)
    const { headers, timeoutMs } = sent[0]!
    const rows = rowsOf(page, 'header', 'value')
    expect(Object.keys(headers).toSorted()).toEqual(
      rows.map((row) => codeIn(row['header']!)).toSorted(),
    )
    const fixed = (name: string) =>
      codeIn(rows.find((row) => row['header'] === `\`${name}\``)!['value']!)
    expect(headers['content-type']).toBe(fixed('content-type'))
    expect(headers['user-agent']).toBe(fixed('user-agent'))
    expect(headers['webhook-id']).toBe(DELIVERY.id)
    expect(headers['webhook-timestamp']).toBe(String(NOW_MS / 1_000))
    expect(headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/)
    expect(page.text).toContain(`one attempt has ${timeoutMs / 1_000} s`)
  })
})

describe('verify of the page', () => {
  type Verify = (
    headers: Readonly<Record<string, string>>,
    body: string,
    secret: string,
    nowS: number,
  ) => boolean
  let verify: Verify
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tocsin-docs-'))
    const file = join(folder, 'verify.mjs')
    writeFileSync(file, page.blocks.find(({ language }) => language === 'js')!.code)
    const module = (await import(/* @vite-ignore */ file)) as { verify: Verify }
    verify = module.verify
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const secrets = [new Secret(SECRET), new Secret(OTHER)]
  const headers = webhookHeaders({ id: 'msg_1', timeMs: NOW_MS, body: BODY, secrets })
  const nowS = NOW_MS / 1_000

  it('takes what we sign, by either secret, and what the package signs', () => {
    expect(verify(headers, BODY, SECRET, nowS + 299)).toBe(true)
    expect(verify(headers, BODY, OTHER, nowS - 299)).toBe(true)
    const signature = new Webhook(SECRET).sign('msg_1', new Date(NOW_MS), BODY)
    expect(verify({ ...headers, 'webhook-signature': signature }, BODY, SECRET, nowS)).toBe(true)
  })

  it('refuses another body, id, time or secret, and a time too far away', () => {
    const unknown = `whsec_${Buffer.alloc(32, 9).toString('base64')}`
    expect(verify(headers, `${BODY} `, SECRET, nowS)).toBe(false)
    expect(verify({ ...headers, 'webhook-id': 'msg_2' }, BODY, SECRET, nowS)).toBe(false)
    expect(verify({ ...headers, 'webhook-timestamp': String(nowS + 1) }, BODY, SECRET, nowS)).toBe(
      false,
    )
    expect(verify({ ...headers, 'webhook-timestamp': 'now' }, BODY, SECRET, nowS)).toBe(false)
    expect(verify(headers, BODY, unknown, nowS)).toBe(false)
    expect(verify(headers, BODY, SECRET, nowS + 301)).toBe(false)
  })
})

describe('the schedule', () => {
  it('has the waits of the page', () => {
    const line = page.text.split('\n').find((each) => each.startsWith('`2s`, '))!
    const named = [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1])
    const waits = Array.from({ length: ATTEMPTS_MAX - 1 }, (_, i) => {
      const next = nextAttempt(i + 1, 0.5)
      return next === 'dead' ? next : formatDuration(next.delayMs)
    })
    expect(named).toEqual(waits)
    expect(nextAttempt(ATTEMPTS_MAX, 0.5)).toBe('dead')
    expect(named).toHaveLength(14)
    expect([nextAttempt(1, 0), nextAttempt(1, 1)]).toEqual([{ delayMs: 1_600 }, { delayMs: 2_400 }])
  })

  it.each([
    [200, 'delivered', false],
    [204, 'delivered', false],
    [301, 'retry', false],
    [400, 'retry', false],
    [410, 'dead', true],
    [429, 'retry', false],
    [503, 'retry', false],
  ])('means by %i: %s', (status, outcome, disablesReceiver) => {
    const answer = { kind: 'answer', status, bodyStart: '', retryAfter: null } as const
    const facts = { startMs: 0, endMs: 1, random: 0.5 }
    expect(verdict(DELIVERY, answer, facts)).toMatchObject({ outcome, disablesReceiver })
  })
})
