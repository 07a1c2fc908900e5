import { startArrivals } from './arrivals.ts'
import type { Arrival } from './arrivals.ts'
import type { Benchmark, Row } from './benchmark.ts'
import { spread } from './benchmark.ts'
import { median, percentile } from './measure.ts'
import { ruleFile } from './rules.ts'
import { startSender } from './senders/sending.ts'
import { benchFolder, startBenchService } from './service.ts'
import type { BenchService } from './service.ts'

const PER_SECOND = 5_000
/** A new incident every 100 ms. */
const MARK_EVERY = 500
const COUNT = 100_000
const WARM_UP = 25_000
const RULES = 100

/**
 * Most of the time between the message and the webhook, as a promise of this product: a page that
 * comes half a second late is as good as one at once, and this machine is shared.
 */
const MEDIAN_MAX_MS = 100
const P99_MAX_MS = 1_000

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const MARKED_RULE = `---
rule: marked
title: A marked message
severity: critical
where: _exists_:marked
group_by: [marked]
match: {}
`

/** From the sender's socket to the receiver's, through the journal and the commit. */
export const webhook: Benchmark = {
  summary: 'message to first webhook at the receiver under 5,000 messages/s: median and p99',
  async run({ rounds }) {
    const runs: Delays[] = []
    for (let round = 0; round < rounds; round++) {
      runs.push(await measure())
      process.stderr.write(`round ${round + 1} of ${rounds}\n`)
    }
    const row = (what: string, of: (run: Delays) => readonly number[]): Row => ({
      what,
      'median ms': spread(
        runs.map((run) => percentile(of(run), 0.5)),
        (ms) => ms.toFixed(0),
      ),
      'p99 ms': spread(
        runs.map((run) => percentile(of(run), 0.99)),
        (ms) => ms.toFixed(0),
      ),
    })
    const medianMs = median(runs.map((run) => percentile(run.fromSentMs, 0.5)))
    const p99Ms = median(runs.map((run) => percentile(run.fromSentMs, 0.99)))
    const missing = runs.reduce((sum, run) => sum + run.missing, 0)
    return {
      table: [
        row('handed to the socket → webhook arrived', (run) => run.fromSentMs),
        row('received by the service → webhook arrived', (run) => run.fromReceivedMs),
      ],
      figure: `message to webhook: median ${medianMs} ms, p99 ${p99Ms} ms (medians of ${rounds} runs of ${COUNT / MARK_EVERY} incidents)`,
      shortfalls: [
        ...(missing > 0 ? [`${missing} incidents had no webhook`] : []),
        ...(medianMs > MEDIAN_MAX_MS
          ? [`the median is ${medianMs} ms, above ${MEDIAN_MAX_MS}`]
          : []),
        ...(p99Ms > P99_MAX_MS ? [`the p99 is ${p99Ms} ms, above ${P99_MAX_MS}`] : []),
      ],
    }
  },
}

interface Delays {
  readonly fromSentMs: readonly number[]
  readonly fromReceivedMs: readonly number[]
  readonly missing: number
}

async function measure(): Promise<Delays> {
  const receiver = await startArrivals()
  const config = `receivers:
  - name: bench
    webhook: { url: "http://127.0.0.1:${receiver.port}/", secret: "${SECRET}" }
    allow: { http: true, addresses: [127.0.0.0/8], ports: [${receiver.port}] }
`
  const folder = benchFolder(ruleFile(RULES) + MARKED_RULE, config)
  const service = await startBenchService(folder)
  try {
    await send(service, WARM_UP)
    await send(service, COUNT, { markEvery: MARK_EVERY })
    const expected = COUNT / MARK_EVERY
    const endMs = performance.now() + 10_000
    while (receiver.arrivals.length < expected && performance.now() < endMs) {
      await new Promise((resolve) => void setTimeout(resolve, 50))
    }
    return delaysOf(receiver.arrivals, expected)
  } finally {
    await service.end()
    await receiver.close()
  }
}

async function send(
  service: BenchService,
  count: number,
  marks: { readonly markEvery?: number } = {},
): Promise<void> {
  const port = service.running.ports['tcp']!
  await startSender({ transport: 'tcp', port, count, perSecond: PER_SECOND, ...marks })
}

/** The part of the webhook's body that says which message it is about. */
interface WebhookBody {
  readonly type: string
  readonly data: {
    readonly report: {
      readonly first_event: {
        readonly received: string
        readonly fields: { readonly sent_ms: number; readonly marked: string }
      }
    }
  }
}

/** The first webhook of each incident. */
function delaysOf(arrivals: readonly Arrival[], expected: number): Delays {
  const fromSentMs: number[] = []
  const fromReceivedMs: number[] = []
  const seen = new Set<string>()
  for (const { atMs, body } of arrivals) {
    const { type, data } = JSON.parse(body) as WebhookBody
    if (type !== 'incident.identification.started') continue
    const { received, fields } = data.report.first_event
    if (seen.has(fields.marked)) continue
    seen.add(fields.marked)
    fromSentMs.push(atMs - fields.sent_ms)
    fromReceivedMs.push(atMs - Date.parse(received))
  }
  return { fromSentMs, fromReceivedMs, missing: expected - seen.size }
}
