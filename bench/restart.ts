import type { Benchmark, Row } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { cpuSecondsOf, median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'
import { KEY_MESSAGES, keyRules, ruleFile } from './rules.ts'
import { startSender } from './senders/sending.ts'
import { benchFolder, startBenchService, untilCommitted, untilLiveKeys } from './service.ts'

const RECORDS = 1_000_000
const RULES = 10
const LIVE_KEYS = 100_000
const PATIENCE_MS = 20_000

/** Records that were taken before per CPU-second until ready, of `JSON.parse`. */
const FLOORS = { long: 0.15, keyed: 0.04 }
/** With the live keys, from the start of the process. */
const READY_MAX_S = 10

interface Start {
  readonly readyS: number
  readonly cpuS: number
  /** Buckets of state that it loaded. */
  readonly buckets: number
  /** Entries above the checkpoint, which it ran again. */
  readonly entries: number
}

/** A folder whose service was killed, and what it had taken. */
interface Kept {
  readonly folder: string
  readonly records: number
}

/**
 * A start loads the checkpoint and runs what came after it again: at most some ten seconds of log,
 * however much was taken before. Most of that is behind it here, so the figure is the time.
 */
export const restart: Benchmark = {
  summary: 'ready after kill -9 with 1,000,000 records, and with 100,000 live keys',
  async run({ rounds }) {
    const block = messageBlock()
    const rules = ruleFile(RULES)
    const long = await killed(rules, RECORDS, 0)
    const keyed = await killed(rules + keyRules(), 2 * KEY_MESSAGES, LIVE_KEYS)

    const yardsticks: number[] = []
    const empty = async (): Promise<Start> => {
      yardsticks.push(parseRate(block))
      return start(benchFolder(rules), true)
    }
    const names = {
      empty: 'empty log',
      long: `${rate(long.records)} records`,
      keyed: `${rate(keyed.records)} records, 100,000 live keys`,
    }
    const found = await alternate(
      rounds,
      new Map<string, () => Promise<Start>>([
        [names.empty, empty],
        [names.long, () => start(long.folder, false)],
        [names.keyed, () => start(keyed.folder, false)],
      ]),
    )
    for (const { folder } of [long, keyed]) await (await startBenchService(folder)).end()
    const yardstick = median(yardsticks)
    const ratio = (name: string, { records }: Kept): number =>
      records / median(found.get(name)!.map(({ cpuS }) => cpuS)) / yardstick
    const readyS = (name: string): number => median(found.get(name)!.map((one) => one.readyS))
    const seconds = (value: number): string => `${value.toFixed(2)} s`
    const row = (name: string, kept?: Kept): Row => ({
      log: name,
      'ready after': spread(
        found.get(name)!.map((one) => one.readyS),
        seconds,
      ),
      'CPU until ready': spread(
        found.get(name)!.map((one) => one.cpuS),
        seconds,
      ),
      'buckets loaded': spread(
        found.get(name)!.map((one) => one.buckets),
        String,
      ),
      'entries run again': spread(
        found.get(name)!.map((one) => one.entries),
        String,
      ),
      ...(kept !== undefined && { 'x JSON.parse': ratio(name, kept).toFixed(3) }),
    })
    return {
      table: [row(names.empty), row(names.long, long), row(names.keyed, keyed)],
      figure: `ready ${readyS(names.keyed).toFixed(1)} s after kill -9 with 100,000 live keys, ${readyS(names.long).toFixed(1)} s with ${names.long}`,
      shortfalls: [
        ...shortfall('a long log x JSON.parse', ratio(names.long, long), FLOORS.long),
        ...shortfall('live keys x JSON.parse', ratio(names.keyed, keyed), FLOORS.keyed),
        ...(readyS(names.keyed) <= READY_MAX_S
          ? []
          : [`ready after ${readyS(names.keyed).toFixed(1)} s, above ${READY_MAX_S} s`]),
      ],
    }
  },
}

/** Fills a service until it has so many live keys, and kills it. */
async function killed(rules: string, count: number, liveKeys: number): Promise<Kept> {
  const folder = benchFolder(rules)
  const filling = await startBenchService(folder)
  const port = filling.running.ports['tcp']!
  await startSender({ transport: 'tcp', port, count, perSecond: null, distinct: KEY_MESSAGES })
  const records = await untilCommitted(filling, count, PATIENCE_MS)
  const keys = await untilLiveKeys(filling, liveKeys, PATIENCE_MS)
  if (keys < liveKeys) throw new Error(`${keys} live keys instead of ${liveKeys}`)
  await filling.kill()
  return { folder, records }
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
  const { buckets, entries } = replayed as { readonly buckets: number; readonly entries: number }
  return { readyS, cpuS, buckets, entries }
}
