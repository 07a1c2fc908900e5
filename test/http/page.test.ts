import { describe, expect, it } from 'vitest'
import { webLink } from '../../src/http/page-parts.ts'
import { harness, warmingStats } from './http-harness.ts'
import { pagesWith, skeleton } from './hostile-page.ts'
import { NOW_MS, sampleDetail, sampleEpisode, sampleIncident } from './sample-incident.ts'

describe('the overview', () => {
  it('shows open incidents with what fired and the last event', async () => {
    const { call } = harness()
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toContain('#12 Checkout answers with server errors')
    expect(body).toContain('20 in 5m (at least 20)')
    expect(body).toContain('POST /pay answered 503 after 31 s')
    expect(body).toContain('not acknowledged')
    expect(body).toContain('<title>(1) Tocsin</title>')
  })

  it('shows the most urgent first and none that has ended', async () => {
    const { call, details } = harness()
    const add = (number: number, severity: 'critical' | 'low', phase: 'recovery' | 'closed') =>
      details.push(
        sampleDetail({ incident: sampleIncident({ number, id: `i${number}`, severity, phase }) }),
      )
    add(20, 'low', 'recovery')
    add(21, 'critical', 'recovery')
    add(22, 'critical', 'closed')
    const { body } = await call('viewer', 'GET', '/')
    const numbers = [...body.matchAll(/>#(\d+) /g)].map((match) => Number(match[1]))
    expect(numbers).toEqual([21, 12, 20])
  })

  it('shows inputs with rate and lag once there are two samples', async () => {
    let evaluated = 1_000
    const { call, clock } = harness({
      stats: () => ({
        nowMs: clock.now(),
        inputs: [
          {
            input: 'payments',
            partition: 'payments/1',
            evaluated,
            backlog: 48_211,
            lastReceivedMs: NOW_MS,
            watermarkMs: NOW_MS,
            watermarkQuality: 'assumed',
            disconnectedSinceMs: null,
            silentSinceMs: null,
          },
        ],
        rules: [],
        ruleset: 'abc',
        lastNo: 1,
        queued: 0,
        queueMax: 1,
      }),
    })
    const first = await call('viewer', 'GET', '/api/v1/inputs')
    expect(first.json()).toMatchObject({ items: [{ ratePerSecond: null }] })
    evaluated += 5_000
    clock.advance(10_000)
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toMatch(/500/)
    expect(body).toContain('48,211')
    expect(body).toContain('behind')
    const second = await call('viewer', 'GET', '/api/v1/inputs')
    expect(second.json()).toMatchObject({ items: [{ ratePerSecond: 500 }] })
  })

  it('shows which rules lack records, and until when', async () => {
    const { call } = harness({ stats: () => warmingStats(NOW_MS + 180_000) })
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toMatch(/warming<\/span>[\s\S]*records are missing; right again[\s\S]*in 3 min/)
    const rules = await call('viewer', 'GET', '/api/v1/rules')
    expect(rules.json()).toMatchObject({ items: [{ warmingUntilMs: NOW_MS + 180_000 }] })
  })

  it('shows SLO budgets and rules with health and last match', async () => {
    const { call } = harness()
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toContain('checkout-availability')
    expect(body).toContain('99.98 %')
    expect(body).toContain('80.0 %')
    expect(body).toContain('3.2×')
    expect(body).toMatch(/checkout-5xx[\s\S]*active[\s\S]*10 s ago/)
  })

  it('says above everything else that a reload was refused, and why', async () => {
    const { call } = harness({
      problems: () => [
        {
          code: 'unknown-key',
          severity: 'error',
          message: 'unknown key "thresold" (did you mean "threshold"?)',
          file: 'rules/checkout.yaml',
          line: 12,
          column: 3,
        },
      ],
    })
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toContain('rules/checkout.yaml:12:3')
    expect(body).toContain('unknown key &quot;thresold&quot;')
    expect(body.indexOf('was refused')).toBeLessThan(body.indexOf('Open incidents'))
  })

  it('says that it is not ready, and that deliveries were given up', async () => {
    const { call, details } = harness({
      ready: () => ({ ready: false, warnings: [], reasons: ['input payments is down'] }),
    })
    const [delivery] = details[0]!.deliveries
    details[0] = { ...details[0]!, deliveries: [{ ...delivery!, state: 'dead', lastStatus: 502 }] }
    const { body } = await call('viewer', 'GET', '/')
    expect(body).toContain('input payments is down')
    expect(body).toMatch(/given up[\s\S]*soc[\s\S]*502/)
  })

  it('is calm when nothing is there', async () => {
    const { call, details } = harness({
      stats: () => undefined,
      rules: () => [],
      slo: async () => [],
    })
    details.length = 0
    const response = await call('viewer', 'GET', '/')
    expect(response.statusCode).toBe(200)
    expect(response.body).toContain('No incident is open.')
    expect(response.body).not.toContain('role="alert"')
  })
})

describe('the page of an incident', () => {
  it('shows the newest line of the timeline first, also among those of one commit', async () => {
    const { call, details } = harness()
    const line = details[0]!.timeline[0]!
    const texts = ['fired', 'rose', 'cleared']
    const timeline = texts.map((text) => ({ ...line, text: `It ${text} then.` }))
    details[0] = { ...details[0]!, timeline }
    const { body } = await call('viewer', 'GET', '/incidents/12')
    const shown = [...body.matchAll(/It (\w+) then\./g)].map((match) => match[1])
    expect(shown).toEqual(texts.toReversed())
  })

  it('shows timeline, report, episodes and deliveries', async () => {
    const { call } = harness()
    const { body } = await call('viewer', 'GET', '/incidents/12')
    for (const text of [
      'Opened by checkout-5xx with 20 in 5m',
      '20 errors in 5m in eu',
      'href="https://runbooks.example.org/checkout-5xx"',
      'pay-1.example.org',
      'incident.identification.started',
      'tocsin incidents ack 12',
    ]) {
      expect(body).toContain(text)
    }
  })

  it.each([null, undefined, 'text', 7, [], { value: 'many' }, { lastEvent: { fields: 3 } }])(
    'shows what it can of a report of another shape: %j',
    async (report) => {
      const { call, details } = harness()
      details[0] = sampleDetail({ report, episodes: [sampleEpisode({ flags: ['capped'] })] })
      const response = await call('viewer', 'GET', '/incidents/12')
      expect(response.statusCode).toBe(200)
      expect(response.body).toContain('capped')
      expect((await call('viewer', 'GET', '/')).statusCode).toBe(200)
    },
  )

  it('is 404 for one that is not there', async () => {
    const { call } = harness()
    const response = await call('viewer', 'GET', '/incidents/99')
    expect(response.statusCode).toBe(404)
  })
})

describe('both pages', () => {
  it.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    'javascript:alert(1)',
    '</title><script>alert(1)</script>',
    '</style><svg/onload=alert(1)>',
    '<!-- ',
    ']]>',
    '${alert(1)} {{constructor}} %n',
    '\u0000\u001b[2J\u202e\r\nSet-Cookie: a=b',
  ])('show %j as text in every place it can come from (G10, G11)', (text) => {
    const calm = pagesWith('calm')
    const hostile = pagesWith(text)
    expect(skeleton(calm.overview).length).toBeGreaterThan(100)
    expect(skeleton(hostile.overview)).toEqual(skeleton(calm.overview))
    expect(skeleton(hostile.incident)).toEqual(skeleton(calm.incident))
  })

  it('hold no script, no inline style, no handler and no form', () => {
    for (const page of Object.values(pagesWith('calm'))) {
      expect(page).not.toMatch(/<script|\sstyle=|\son\w+=|<form|<iframe|javascript:/i)
    }
  })

  it.each([
    ['https://runbooks.example.org/a?b=c', true],
    ['http://wiki/x', true],
    ['javascript:alert(1)', false],
    ['JaVaScRiPt:alert(1)', false],
    ['data:text/html,<script>', false],
    ['//evil.example', false],
    ['runbook 7', false],
  ])('link %s: %s', (url, isLink) => {
    expect(webLink(url, url).text.startsWith('<a ')).toBe(isLink)
  })
})
