import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { sendLot } from './lot.ts'
import type { Lot, LotCost } from './lot.ts'
import { median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'
import { KEY_MESSAGES, keyRules, ruleFile } from './rules.ts'
import { benchFolder, startBenchService, untilLiveKeys } from './service.ts'
import type { BenchService } from './service.ts'

const RULES = 1_000
const LIVE_KEYS = 100_000
const LOT: Lot = {
  transport: 'tcp',
  count: 2 * KEY_MESSAGES,
  perSecond: null,
  distinct: KEY_MESSAGES,
  patienceMs: 10_000,
}

/** Of `JSON.parse`, without and with the live keys. */
const FLOORS = { rules: 0.06, keys: 0.04 }

/** TCP → journal → match → windows → store, all of it on disk when it counts. */
export const durable: Benchmark = {
  summary: 'TCP to committed with 1,000 rules, without and with 100,000 live keys',
  async run({ rounds }) {
    const services: BenchService[] = []
    try {
      const start = async (rules: string): Promise<BenchService> => {
        const service = await startBenchService(benchFolder(rules))
        services.push(service)
        // Once before it counts: compilers and caches of a service that runs for days are warm.
        await sendLot(service, LOT)
        return service
      }
      const plain = await start(ruleFile(RULES))
      const keyed = await start(ruleFile(RULES) + keyRules())
      const keys = await untilLiveKeys(keyed, LIVE_KEYS, LOT.patienceMs)
      if (keys < LIVE_KEYS) throw new Error(`${keys} live keys`)
      return await measure({ plain, keyed, keys, rounds })
    } finally {
      for (const service of services) await service.end()
    }
  },
}

async function measure(options: {
  readonly plain: BenchService
  readonly keyed: BenchService
  readonly keys: number
  readonly rounds: number
}): ReturnType<Benchmark['run']> {
  const { plain, keyed, keys, rounds } = options
  const block = messageBlock()
  const yardsticks: number[] = []
  const names = ['1,000 rules', `1,000 rules, ${keys.toLocaleString('en')} live keys`] as const
  const variants = new Map<string, () => Promise<LotCost>>(
    [plain, keyed].map((service, i) => [
      names[i]!,
      () => {
        yardsticks.push(parseRate(block))
        return sendLot(service, LOT)
      },
    ]),
  )
  const found = await alternate(rounds, variants)
  const yardstick = median(yardsticks)
  const ratio = (name: string): number =>
    median(found.get(name)!.map(({ perCpuS }) => perCpuS)) / yardstick
  const perWallS = median(found.get(names[1])!.map((cost) => cost.perWallS))
  return {
    table: [
      {
        what: 'JSON.parse',
        'messages per CPU-s': spread(yardsticks, rate),
        'x JSON.parse': '1.000',
      },
      ...[...found].map(([what, costs]) => ({
        what,
        'messages per CPU-s': spread(
          costs.map((cost) => cost.perCpuS),
          rate,
        ),
        'x JSON.parse': ratio(what).toFixed(3),
        'messages per wall s': spread(
          costs.map((cost) => cost.perWallS),
          rate,
        ),
        [`wall s for ${LOT.count.toLocaleString('en')}`]: spread(
          costs.map((cost) => (LOT.count * (1 - cost.lostShare)) / cost.perWallS),
          (value) => value.toFixed(2),
        ),
        lost: `${(100 * Math.max(...costs.map(({ lostShare }) => lostShare))).toFixed(2)} %`,
      })),
    ],
    figure: `${ratio(names[0]).toFixed(3)} x JSON.parse with 1,000 rules, ${ratio(names[1]).toFixed(3)} and ${rate(perWallS)} a second with ${keys.toLocaleString('en')} live keys`,
    shortfalls: [
      ...shortfall('1,000 rules x JSON.parse', ratio(names[0]), FLOORS.rules),
      ...shortfall('with live keys x JSON.parse', ratio(names[1]), FLOORS.keys),
    ],
  }
}
