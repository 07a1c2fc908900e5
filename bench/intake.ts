import type { Benchmark, Row } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { cpuSecondsOf, median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'
import { ruleFile } from './rules.ts'
import { startSender } from './senders/sending.ts'
import type { Sending } from './senders/sending.ts'
import { benchFolder, startBenchService, untilCommitted } from './service.ts'
import type { BenchService } from './service.ts'

const RULES = [0, 10, 100] as const

type Way = Pick<Sending, 'transport' | 'count' | 'perSecond'> & {
  readonly perRequest?: number
  readonly patienceMs: number
}

/** UDP at a rate that this machine takes: what it loses is shown. */
const WAYS: Readonly<Record<string, Way>> = {
  tcp: { transport: 'tcp', count: 200_000, perSecond: null, patienceMs: 10_000 },
  udp: { transport: 'udp', count: 40_000, perSecond: 15_000, patienceMs: 1_000 },
  'http 100': {
    transport: 'http',
    count: 100_000,
    perSecond: null,
    perRequest: 100,
    patienceMs: 10_000,
  },
  'http 1,000': {
    transport: 'http',
    count: 100_000,
    perSecond: null,
    perRequest: 1_000,
    patienceMs: 10_000,
  },
}

/** With 100 rules, of `JSON.parse`. */
const FLOORS: Readonly<Record<string, number>> = {
  tcp: 0.08,
  udp: 0.02,
  'http 100': 0.05,
  'http 1,000': 0.07,
}

interface Run {
  readonly perCpuS: number
  readonly perWallS: number
  readonly lostShare: number
}

/** The product's whole path up to the commit, in the service's own process. */
export const intake: Benchmark = {
  summary: 'messages accepted, journalled, evaluated and committed, against JSON.parse',
  async run({ rounds }) {
    const services = new Map<number, BenchService>()
    try {
      for (const rules of RULES) {
        services.set(rules, await startBenchService(benchFolder(ruleFile(rules))))
      }
      return await measure(services, rounds)
    } finally {
      for (const service of services.values()) await service.end()
    }
  },
}

async function measure(
  services: ReadonlyMap<number, BenchService>,
  rounds: number,
): ReturnType<Benchmark['run']> {
  const block = messageBlock()
  const yardsticks: number[] = []
  const variants = new Map<string, () => Promise<Run>>()
  for (const [name, way] of Object.entries(WAYS)) {
    for (const [rules, service] of services) {
      // Once before it counts: compilers and caches of a service that runs for days are warm.
      await send(service, way)
      variants.set(`${name}, ${rules} rules`, () => {
        yardsticks.push(parseRate(block))
        return send(service, way)
      })
    }
  }
  const found = await alternate(rounds, variants)
  const yardstick = median(yardsticks)
  const ratio = (name: string): number =>
    median(found.get(name)!.map((run) => run.perCpuS)) / yardstick
  const table: Row[] = [
    {
      what: 'JSON.parse',
      'messages per CPU-s': spread(yardsticks, rate),
      'x JSON.parse': '1.000',
    },
    ...[...found].map(([name, runs]) => ({
      what: name,
      'messages per CPU-s': spread(
        runs.map((run) => run.perCpuS),
        rate,
      ),
      'x JSON.parse': ratio(name).toFixed(3),
      'messages per wall s': spread(
        runs.map((run) => run.perWallS),
        rate,
      ),
      lost: `${(100 * Math.max(...runs.map((run) => run.lostShare))).toFixed(2)} %`,
    })),
  ]
  const ways = Object.keys(WAYS)
  const withRules = (name: string): number => ratio(`${name}, 100 rules`)
  return {
    table,
    figure: `with 100 rules ${ways.map((name) => `${name} ${withRules(name).toFixed(3)}`).join(', ')} x JSON.parse`,
    shortfalls: ways.flatMap((name) =>
      shortfall(`${name} with 100 rules x JSON.parse`, withRules(name), FLOORS[name]!),
    ),
  }
}

/** One lot of messages: what they cost the service from the first to the last commit. */
async function send(service: BenchService, way: Way): Promise<Run> {
  const { pid, ports } = service.running
  const { patienceMs, ...sending } = way
  const before = service.committed()
  const cpuBefore = cpuSecondsOf(pid)
  const startMs = performance.now()
  await startSender({ ...sending, port: ports[way.transport]! })
  const committed = (await untilCommitted(service, before + way.count, patienceMs)) - before
  const lost = way.count - committed
  const wallS = (performance.now() - startMs - (lost > 0 ? patienceMs : 0)) / 1_000
  return {
    perCpuS: committed / (cpuSecondsOf(pid) - cpuBefore),
    perWallS: committed / wallS,
    lostShare: lost / way.count,
  }
}
