import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { compileRuleset } from '../src/config/ruleset.ts'
import { DEFAULT_POLICY } from '../src/incidents/policy.ts'
import { openJournalWriter } from '../src/ingest/journal/sqlite-journal.ts'
import type { RulesetSource } from '../src/model/ruleset.ts'
import { systemClock, systemTimers } from '../src/system-clock.ts'
import { hostCore } from '../src/threads/core/core-host.ts'
import type { FromCore, ToCore } from '../src/threads/messages.ts'
import { localPair } from '../src/threads/ports.ts'
import { journalFolder } from '../src/threads/thread-settings.ts'
import { slab } from '../test/contracts/slab-builder.ts'
import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { median, parseRate } from './measure.ts'
import { messageBlock } from './messages.ts'

const RECORDS = 400_000
const PER_SLAB = 200
const KEYS = [1_000, 100_000]

/** Records rebuilt per second on the wall, of `JSON.parse` per CPU-second. */
const FLOOR = 0.02

interface Reload {
  /** From the announcement until the new rules are in force. */
  readonly wholeMs: number
  /** From being prepared until then: the core evaluates nothing. */
  readonly waitMs: number
  /** The longest that the core's event loop stood still. */
  readonly pauseMs: number
}

/**
 * A window is edited in a core that holds the state of 400,000 records: rebuilt in a thread of its
 * own, and, to compare, in the core's.
 */
export const rebuild: Benchmark = {
  summary: 'an edited rule rebuilt from 400,000 records beside the core, and in its thread',
  async run({ rounds }) {
    const yardsticks: number[] = []
    const block = messageBlock()
    const variants = KEYS.flatMap((keys) =>
      [true, false].map((hasSpareThreads) => {
        const where = hasSpareThreads ? 'in a spare thread' : "in the core's thread"
        const run = (): Promise<Reload> => {
          yardsticks.push(parseRate(block))
          return reload(keys, hasSpareThreads)
        }
        return [`${keys.toLocaleString('en')} keys, ${where}`, run] as const
      }),
    )
    const found = await alternate(rounds, new Map(variants))
    const parse = median(yardsticks)
    const ms = (value: number): string => `${value.toFixed(0)} ms`
    const perSecond = ({ wholeMs }: Reload): number => RECORDS / (wholeMs / 1_000)
    const [first] = [...found.values()] as [readonly Reload[]]
    const share = median(first.map(perSecond)) / parse
    const pause = median(first.map(({ pauseMs }) => pauseMs))
    const wait = median(first.map(({ waitMs }) => waitMs))
    return {
      table: [...found].map(([name, reloads]) => ({
        what: name,
        'records per s': spread(reloads.map(perSecond), rate),
        'x JSON.parse': (median(reloads.map(perSecond)) / parse).toFixed(3),
        'evaluation stands still': spread(
          reloads.map(({ waitMs }) => waitMs),
          ms,
        ),
        'longest pause of the loop': spread(
          reloads.map(({ pauseMs }) => pauseMs),
          ms,
        ),
      })),
      figure: `${share.toFixed(3)} x JSON.parse beside the core, which waits ${ms(wait)} and pauses for ${ms(pause)}`,
      shortfalls: shortfall('rebuilding', share, FLOOR),
    }
  },
}

async function reload(keys: number, hasSpareThreads: boolean): Promise<Reload> {
  // The service's timers keep no process alive.
  const keepAlive = setInterval(() => undefined, 1_000)
  const data = mkdtempSync(join(tmpdir(), 'tocsin-bench-rebuild-'))
  try {
    fill(data, keys)
    const core = await startCore(data, hasSpareThreads)
    core.post({ kind: 'rules', order: 0, ...rulesFor(keys, '30m') })
    await core.until(() => core.evaluated() >= RECORDS)

    const delays = monitorEventLoopDelay({ resolution: 1 })
    delays.enable()
    const startMs = performance.now()
    const next = rulesFor(keys, '20m')
    core.post({ kind: 'announce', order: 1, ...next })
    await core.heard('prepared')
    const preparedMs = performance.now()
    const committed = core.heard('committed')
    core.post({ kind: 'rules', order: 1, ...next })
    await core.heard('active')
    await committed
    const endMs = performance.now()
    delays.disable()
    await core.stop()
    return { wholeMs: endMs - startMs, waitMs: endMs - preparedMs, pauseMs: delays.max / 1e6 }
  } finally {
    clearInterval(keepAlive)
    rmSync(data, { recursive: true, force: true })
  }
}

/** Records of the last ten minutes, each of another key in turn. */
function fill(data: string, keys: number): void {
  const writer = openJournalWriter({
    folder: journalFolder({ data }),
    report: () => undefined,
    clock: systemClock,
  })
  const sinceMs = systemClock() - 600_000
  const slabs = RECORDS / PER_SLAB
  for (let nth = 0; nth < slabs; nth += 100) {
    writer.append(
      Array.from({ length: 100 }, (_, more) => {
        const at = nth + more
        const timeMs = Math.floor(sinceMs + (at / slabs) * 600_000)
        const records = Array.from({ length: PER_SLAB }, (_unused, i) => {
          const key = (at * PER_SLAB + i) % keys
          const fields = `"_key":"host-${key}","_code":500,"timestamp":${timeMs / 1_000}`
          return `{"version":"1.1","host":"web","short_message":"answered late",${fields}}`
        })
        return slab('web@0', records, at, timeMs)
      }),
    )
  }
  writer.close()
}

function rulesFor(keys: number, within: string) {
  const text = `rule: edited
where: code:500
group_by: [key]
limits: { groups: ${keys} }
threshold: { at_least: 1000000, within: ${within} }
`
  const inputs = { web: { labels: {}, reorderMs: 1_000, idleAfterMs: 60_000 } }
  const source: RulesetSource = { documents: [{ file: 'a.yaml', text }], inputs, fields: {} }
  const { hash } = compileRuleset(source).ruleset
  return { hash, source, origin: null }
}

async function startCore(data: string, hasSpareThreads: boolean) {
  const [main, core] = localPair<ToCore, FromCore>()
  const waiting: { readonly kind: FromCore['kind']; readonly resolve: () => void }[] = []
  let evaluated = 0
  main.listen((message) => {
    if (message.kind === 'failed') throw new Error(message.message)
    if (message.kind === 'stats') {
      evaluated = message.stats.rules.reduce((sum, { matches }) => sum + matches, 0)
    }
    for (const one of waiting.filter(({ kind }) => kind === message.kind)) {
      waiting.splice(waiting.indexOf(one), 1)
      one.resolve()
    }
  })
  const heard = (kind: FromCore['kind']): Promise<void> =>
    new Promise((resolve) => waiting.push({ kind, resolve }))
  const ready = heard('ready')
  const settings = {
    data,
    journal: { maxAgeMs: 1e12, maxBytes: 1e12, maxSegmentBytes: 1e9, maxSegmentMs: 1e12 },
    routing: {
      receivers: [],
      procedure: DEFAULT_POLICY.procedures,
      baseUrl: 'http://127.0.0.1',
      graylogUrl: null,
    },
    selfKey: '00',
    owner: 'bench',
    env: {},
  }
  const time = { clock: systemClock, timers: systemTimers }
  const [, journal] = localPair<ToCore, never>()
  await hostCore({ settings, ...time, main: core, journal, intakes: [], hasSpareThreads })
  await ready
  return {
    post: (message: ToCore) => main.post(message),
    heard,
    evaluated: () => evaluated,
    async until(isDone: () => boolean): Promise<void> {
      while (!isDone()) await heard('stats')
    },
    async stop(): Promise<void> {
      const stopped = heard('stopped')
      main.post({ kind: 'stop' })
      await stopped
    },
  }
}
