import { Command } from 'commander'
import { afterEach, describe, expect, it } from 'vitest'

import { register } from '../../src/cli/gaps.ts'
import type { GapQuery, StoredGap } from '../../src/http/read-model.ts'
import { harness, TOKENS } from '../http/http-harness.ts'

let service: ReturnType<typeof harness> | undefined
afterEach(() => service?.server.stop())

const GAP: StoredGap = {
  input: 'graylog',
  partition: 'graylog@3',
  reason: 'dropped',
  fromMs: 0,
  toMs: 60_000,
  records: 12,
  fromPosition: 4,
  toPosition: 4,
}

/** Runs the command against a service with so many gaps, two to a page. */
async function tocsin(gaps: readonly StoredGap[], ...args: readonly string[]) {
  const asked: GapQuery[] = []
  const { readModel } = harness()
  service = harness({
    readModel: {
      ...readModel,
      gaps: async (query) => {
        asked.push(query)
        const from = Number(query.cursor ?? 0)
        const next = from + 2 < gaps.length ? String(from + 2) : null
        return { items: gaps.slice(from, from + 2), next }
      },
    },
  })
  const { host, port } = await service.server.start()
  const out: string[] = []
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  register(program, {
    out: (line) => out.push(line),
    err: (line) => out.push(line),
    isTerminal: false,
    env: { TOCSIN_URL: `http://${host}:${port}`, TOCSIN_TOKEN: TOKENS.viewer.token },
    exit: (status) => out.push(`exit ${status}`),
  })
  await program.parseAsync(['gaps', ...args], { from: 'user' })
  return { out, asked }
}

describe('tocsin gaps', () => {
  it('says what is missing, a line each, and what lasts', async () => {
    const lasting = { ...GAP, reason: 'disconnected', toMs: null, records: 0 } as const
    const { out } = await tocsin([GAP, lasting])
    expect(out).toEqual([
      'graylog  dropped  1970-01-01T00:00:00.000Z to 1970-01-01T00:01:00.000Z, 12 records',
      'graylog  disconnected  1970-01-01T00:00:00.000Z and it lasts',
    ])
  })

  it('says so when nothing is', async () => {
    expect((await tocsin([])).out).toEqual(['nothing is known to be missing'])
  })

  it('exports all of them as JSON lines, however many pages there are', async () => {
    const gaps = [1, 2, 3, 4, 5].map((records) => ({ ...GAP, records }))
    const { out } = await tocsin(gaps, '--json')
    expect(out.map((line) => JSON.parse(line) as unknown)).toEqual(gaps)
  })

  it('asks for an input and a time', async () => {
    const times = ['--from', '2026-01-05T09:00:00Z', '--to', '2026-01-05T10:00:00Z']
    const { asked } = await tocsin([], '--input', 'graylog', ...times)
    const [fromMs, toMs] = [Date.UTC(2026, 0, 5, 9), Date.UTC(2026, 0, 5, 10)]
    expect(asked).toMatchObject([{ input: 'graylog', fromMs, toMs }])
  })
})
