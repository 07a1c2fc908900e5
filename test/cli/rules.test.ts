import { Command } from 'commander'
import { afterEach, describe, expect, it } from 'vitest'

import { register } from '../../src/cli/rules.ts'
import type { HttpOptions } from '../../src/http/options.ts'
import type { RuleStats } from '../../src/model/stats.ts'
import { harness, TOKENS } from '../http/http-harness.ts'

let service: ReturnType<typeof harness> | undefined
afterEach(() => service?.server.stop())

async function tocsin(change: Partial<HttpOptions>, ...args: readonly string[]) {
  service = harness({ ...change })
  const { host, port } = await service.server.start()
  const out: string[] = []
  const err: string[] = []
  let code = 0
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  const url = `http://${host}:${port}`
  register(program, {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    isTerminal: false,
    env: { TOCSIN_URL: url, TOCSIN_TOKEN: TOKENS.responder.token },
    exit: (status) => {
      code = status
    },
  })
  await program.parseAsync(['rules', ...args], { from: 'user' })
  return { out, err, code }
}

/** The figures of the one rule that the harness has, changed. */
function stats(change: Partial<RuleStats>): Partial<HttpOptions> {
  const figures = { matches: 61, lastMatchMs: null, groups: 2, openEpisodes: 1, capHits: 0 }
  const rules = [{ ruleId: 'checkout-5xx', ...figures, ...change }]
  const now = { nowMs: 0, inputs: [], ruleset: 'abc', lastNo: 1, queued: 0, queueMax: 1 }
  return { stats: () => ({ ...now, rules }) }
}

describe('tocsin rules', () => {
  it('list shows each rule with its health and figures', async () => {
    const { out, code } = await tocsin({}, 'list')
    expect(code).toBe(0)
    expect(out).toEqual(['checkout-5xx  high  active  61 matched events, 1 open'])
  })

  it('list says since when a rule may be wrong, and why, on one line', async () => {
    const unverified = { sinceMs: 0, cause: 'it contradicts\nthe log' }
    const { out } = await tocsin(stats({ unverified }), 'list')
    expect(out).toHaveLength(1)
    expect(out[0]).toMatch(/unverified since 1970-01-01T00:00:00\.000Z \(it contradicts.+the log\)/)
  })

  it('list says until when a rule is warming', async () => {
    const { out } = await tocsin(stats({ warmingUntilMs: 60_000 }), 'list')
    expect(out[0]).toContain('warming until 1970-01-01T00:01:00.000Z')
  })

  it('list --json prints one object per line', async () => {
    const { out } = await tocsin({}, 'list', '--json')
    expect(out.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { id: 'checkout-5xx', unverified: null },
    ])
  })

  it('confirm vouches for a rule, under the name of the token', async () => {
    const asked: object[] = []
    const { out, code } = await tocsin(
      {
        confirm: async (request) => {
          asked.push(request)
          return true
        },
      },
      'confirm',
      'checkout-5xx',
    )
    expect(code).toBe(0)
    expect(out).toEqual(['rule checkout-5xx is no longer unverified'])
    expect(asked).toMatchObject([{ ruleId: 'checkout-5xx', actor: 'responder-token' }])
  })

  it('confirm is refused for a rule that nobody doubts', async () => {
    const { err, code } = await tocsin({ confirm: async () => false }, 'confirm', 'checkout-5xx')
    expect(code).toBe(1)
    expect(err).toEqual(['There is no unverified rule "checkout-5xx".'])
  })
})
