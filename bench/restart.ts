import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { cpuSecondsOf, median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'
import { ruleFile } from './rules.ts'
import { startSender } from './senders/sending.ts'
import { benchFolder, startBenchService, untilCommitted } from './service.ts'

const RECORDS = 1_000_000
const RULES = 10

/** Records that a start takes up per CPU-second, of `JSON.parse`. */
const FLOOR = 0.15

interface Start {
  readonly readyS: number
  readonly cpuS: number
}

/**
 * A start loads the checkpoint and runs what came after it again: at most some ten seconds of log,
 * however much was taken before. Most of that is behind it here, so the figure is the time.
 */
export const restart: Benchmark = {
  summary: 'ready after kill -9 with a kept log of 1,000,000 records, against JSON.parse',
  async run({ rounds }) {
    const block = messageBlock()
    const rules = ruleFile(RULES)
    const kept = benchFolder(rules)
    const filling = await startBenchService(kept)
    const port = filling.running.ports['tcp']!
    await startSender({ transport: 'tcp', port, count: RECORDS, perSecond: null })
    const committed = await untilCommitted(filling, RECORDS, 20_000)
    await filling.kill()

    const yardsticks: number[] = []
    const found = await alternate(
      rounds,
      new Map<string, () => Promise<Start>>([
        [
          'empty log',
          async () => {
            yardsticks.push(parseRate(block))
            return start(benchFolder(rules), true)
          },
        ],
        [`${rate(committed)} records`, () => start(kept, false)],
      ]),
    )
    await (await startBenchService(kept)).end()
    const [empty, full] = [...found.values()] as [readonly Start[], readonly Start[]]
    const seconds = (value: number): string => `${value.toFixed(2)} s`
    const baseCpuS = median(empty.map(({ cpuS }) => cpuS))
    const baseS = median(empty.map(({ readyS }) => readyS))
    const perCpuS = committed / (median(full.map(({ cpuS }) => cpuS)) - baseCpuS)
    const readyS = median(full.map((each) => each.readyS))
    const ratio = perCpuS / median(yardsticks)
    return {
      table: [...found].map(([log, starts]) => ({
        log,
        'ready after': spread(
          starts.map((each) => each.readyS),
          seconds,
        ),
        'CPU until ready': spread(
          starts.map((each) => each.cpuS),
          seconds,
        ),
        ...(starts === full && {
          'taken up per wall s': rate(committed / (readyS - baseS)),
          'taken up per CPU-s': rate(perCpuS),
          'x JSON.parse': ratio.toFixed(3),
        }),
      })),
      figure: `ready ${readyS.toFixed(1)} s after kill -9 with ${rate(committed)} records, ${ratio.toFixed(3)} x JSON.parse per CPU-s`,
      shortfalls: shortfall('replay x JSON.parse', ratio, FLOOR),
    }
  },
}

/** From the start of the process to its word that it is ready; then killed. */
async function start(folder: string, isLast: boolean): Promise<Start> {
  const startMs = performance.now()
  const service = await startBenchService(folder)
  const readyS = (performance.now() - startMs) / 1_000
  const cpuS = cpuSecondsOf(service.running.pid)
  const replayed = service.running.log.find((line) => line['occurrence'] === 'core.replayed')
  await (isLast ? service.end() : service.kill())
  if (replayed?.['differences'] !== 0) {
    throw new Error(`the restart answered otherwise than before: ${JSON.stringify(replayed)}`)
  }
  return { readyS, cpuS }
}
