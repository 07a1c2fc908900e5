import type { OutgoingHttpHeaders } from 'node:http'
import type { LightMyRequestResponse } from 'fastify'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { CommandRequest, CommandResult } from '../../src/model/command.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import type { CoreStats } from '../../src/model/stats.ts'
import type { HttpOptions } from '../../src/http/options.ts'
import type { IncidentDetail, LedgerRow, ReadModel, StoredGap } from '../../src/http/read-model.ts'
import { createHttpServer } from '../../src/http/server.ts'
import { createToken } from '../../src/http/tokens.ts'
import { NOW_MS, sampleDetail } from './sample-incident.ts'

export const TOKENS = {
  viewer: createToken(new Uint8Array(32).fill(1)),
  responder: createToken(new Uint8Array(32).fill(2)),
  admin: createToken(new Uint8Array(32).fill(3)),
} as const

export type Caller = keyof typeof TOKENS | 'anonymous' | 'unknown'

/** A server with a store in memory and a core that a test scripts; nothing listens. */
export function harness(change: Partial<HttpOptions> = {}) {
  const clock = new ManualClock(NOW_MS)
  const details: IncidentDetail[] = [sampleDetail()]
  const commands: CommandRequest[] = []
  const occurrences: Occurrence[] = []
  let ids = 0
  let answer: (request: CommandRequest) => CommandResult = ({ id, command }) => ({
    id,
    ok: true,
    incidentId: command.incidentId,
    version: 4,
  })
  const readModel = memoryReadModel(details)
  const server = createHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    tokens: (['viewer', 'responder', 'admin'] as const).map((role) => ({
      name: `${role}-token`,
      sha256: TOKENS[role].sha256,
      roles: [role],
    })),
    page: 'token',
    metricsPublic: false,
    readModel,
    command: async (request) => {
      commands.push(request)
      return answer(request)
    },
    stats: () => ({
      nowMs: clock.now(),
      inputs: [
        {
          input: 'payments',
          partition: 'payments/1',
          evaluated: 120_000,
          backlog: 0,
          lastReceivedMs: NOW_MS - 1_000,
          watermarkMs: NOW_MS - 6_000,
          watermarkQuality: 'witnessed',
          disconnectedSinceMs: null,
          silentSinceMs: null,
        },
      ],
      rules: [
        {
          ruleId: 'checkout-5xx',
          matches: 61,
          lastMatchMs: NOW_MS - 10_000,
          groups: 2,
          openEpisodes: 1,
          capHits: 0,
        },
      ],
      ruleset: 'abc',
      lastNo: 99,
      queued: 0,
      queueMax: 64,
    }),
    confirm: async () => true,
    rules: () => [
      {
        id: 'checkout-5xx',
        title: 'Checkout answers with server errors',
        severity: 'high',
        mode: 'active',
        file: 'rules/checkout.yaml',
        line: 1,
        problems: [],
      },
    ],
    ruleset: () => ({ hash: 'rules-1', origin: null }),
    problems: () => [],
    slo: async () => [
      {
        slo: 'checkout-availability',
        service: 'checkout',
        target: 0.999,
        window: '30d',
        totals: { good: 99_980, bad: 20 },
        sli: 0.9998,
        budgetRemaining: 0.8,
        burnRates: [
          { window: '5m', rate: 3.2 },
          { window: '1h', rate: null },
        ],
      },
    ],
    metrics: async () => '# HELP tocsin_up Up.\n# TYPE tocsin_up gauge\ntocsin_up 1\n',
    sloMetrics: async () => '',
    ready: () => ({ ready: true, reasons: [], warnings: [] }),
    report: (occurrence) => occurrences.push(occurrence),
    clock: clock.now,
    timers: clock,
    newId: () => `id-${++ids}`,
    version: '0.1.0',
    ...change,
  })

  interface Extra {
    readonly headers?: OutgoingHttpHeaders
    readonly body?: unknown
  }
  const call = async (
    caller: Caller,
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'OPTIONS',
    url: string,
    { headers = {}, body }: Extra = {},
  ): Promise<LightMyRequestResponse> => {
    const app = await server.build()
    return app.inject({
      method,
      url,
      headers: { ...authorization(caller), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    })
  }
  return {
    server,
    readModel,
    clock,
    details,
    commands,
    occurrences,
    call,
    answerWith: (next: typeof answer) => {
      answer = next
    },
  }
}

/** What the core says of the rule while records are missing. */
export function warmingStats(warmingUntilMs: number): CoreStats {
  const figures = { matches: 1, lastMatchMs: null, groups: 0, openEpisodes: 0, capHits: 0 }
  const rules = [{ ruleId: 'checkout-5xx', ...figures, warmingUntilMs }]
  return { nowMs: NOW_MS, inputs: [], rules, ruleset: 'a', lastNo: 1, queued: 0, queueMax: 64 }
}

function authorization(caller: Caller): { authorization?: string } {
  if (caller === 'anonymous') return {}
  const token = caller === 'unknown' ? `tcs_${'x'.repeat(43)}` : TOKENS[caller].token
  return { authorization: `Bearer ${token}` }
}

/** The contract of the store's read side, over an array: newest first, cursor = offset. */
function memoryReadModel(details: readonly IncidentDetail[]): ReadModel {
  const paged = <T>(items: readonly T[], { limit, cursor }: { limit: number; cursor?: string }) => {
    const from = Number(cursor ?? 0)
    const next = from + limit < items.length ? String(from + limit) : null
    return { items: items.slice(from, from + limit), next }
  }
  const ended = new Set(['closed', 'dismissed', 'merged'])
  return {
    async incidents(query) {
      const found = details
        .map((detail) => detail.incident)
        .filter(
          (incident) =>
            (query.phase === undefined || incident.phase === query.phase) &&
            (query.severity === undefined || incident.severity === query.severity) &&
            (query.open === undefined || query.open !== ended.has(incident.phase)),
        )
        .toSorted((a, b) => b.openedMs - a.openedMs)
      return paged(found, query)
    },
    async incident(idOrNumber) {
      return details.find(
        ({ incident }) => incident.id === idOrNumber || String(incident.number) === idOrNumber,
      )
    },
    async episodes(query) {
      const found = details
        .flatMap((detail) => detail.episodes)
        .filter(
          (episode) =>
            (query.ruleId === undefined || episode.ruleId === query.ruleId) &&
            (query.incidentId === undefined || episode.incidentId === query.incidentId),
        )
      return paged(found, query)
    },
    async deliveries(query) {
      const found = details
        .flatMap((detail) => detail.deliveries)
        .filter(
          (delivery) =>
            (query.state === undefined || delivery.state === query.state) &&
            (query.receiver === undefined || delivery.receiver === query.receiver),
        )
      return paged(found, query)
    },
    async ledger({ ruleId, ...query }) {
      return paged(ruleId === 'checkout-5xx' ? LEDGER : [], query)
    },
    async gaps({ input, ...query }) {
      return paged(input === undefined || input === GAP.input ? [GAP] : [], query)
    },
    counts: async () => ({ open: [], total: [] }),
  }
}

const GAP: StoredGap = {
  input: 'payments',
  partition: 'payments@1',
  reason: 'down',
  fromMs: NOW_MS - 400_000,
  toMs: NOW_MS - 100_000,
  records: 0,
  fromPosition: 7,
  toPosition: 7,
}

const LEDGER: readonly LedgerRow[] = [
  { hourMs: 1_790_002_800_000, class: 'skipped', reason: 'late', count: 2 },
  { hourMs: 1_789_999_200_000, class: 'episode', reason: null, count: 20 },
]
