import type { Benchmark, Row } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { sendLot } from './lot.ts'
import type { Lot, LotCost } from './lot.ts'
import { median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'
import { ruleFile } from './rules.ts'
import { benchFolder, startBenchService } from './service.ts'
import type { BenchService } from './service.ts'

const RULES = [0, 10, 100] as const

/** UDP at a rate that this machine takes: what it loses is shown. */
const WAYS: Readonly<Record<string, Lot>> = {
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
  const variants = new Map<string, () => Promise<LotCost>>()
  for (const [name, way] of Object.entries(WAYS)) {
    for (const [rules, service] of services) {
      // Once before it counts: compilers and caches of a service that runs for days are warm.
      await sendLot(service, way)
      variants.set(`${name}, ${rules} rules`, () => {
        yardsticks.push(parseRate(block))
        return sendLot(service, way)
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
