/**
 * The service keeps up on a disk whose syncs are slow: 20,000 events a second, 1,000 rules and
 * 100,000 live keys. The verdict is by counts: what is sent and not evaluated does not grow while
 * events come (in the last third of the run it is once below half a second's worth), and once no
 * more come all of it is evaluated, with nothing refused.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KEY_MESSAGES, keyRules, ruleFile } from '../../bench/rules.ts'
import { pacer, Pieces } from '../../bench/senders/pieces.ts'
import {
  type BenchService,
  benchFolder,
  startBenchService,
  untilCommitted,
  untilLiveKeys,
} from '../../bench/service.ts'

const RULES = 1_000
const ASKED_PER_SECOND = 20_000
/** Below it the machine has nothing to say about our disk. */
const LEAST_PER_SECOND = 1_000
const SECONDS = 15
const TRIES = 3
/** The most that one commit takes (design §4.1). */
const COMMIT_RECORDS_MAX = 5_000
/** What one write hands over. */
const PIECE_RECORDS = 500
const LIVE_KEYS = 100_000
/** Without a record committed, until a service that should catch up counts as stuck. */
const PATIENCE_MS = 30_000

let folder: string
let shim: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-slow-disk-'))
  shim = join(folder, 'slow-sync.so')
  const source = join(import.meta.dirname, 'slow-sync.c')
  const args = ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl']
  const { status, error, stderr } = spawnSync('gcc', args, { encoding: 'utf8' })
  if (status === 0) return
  throw new Error(`This test needs gcc (Debian: apt-get install gcc): ${error?.message ?? stderr}`)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What the machine turned out to do; the second case need not find it out again. */
let perSecond = ASKED_PER_SECOND

it.for([2, 10])(
  'what is not evaluated yet does not grow when every sync takes %i ms longer',
  { timeout: 900_000 },
  async (syncMs, { annotate }) => {
    const grown: string[] = []
    for (;;) {
      const slow = await run({ syncMs, perSecond })
      const found = `${slow.lag.join(' → ')} records, ${slow.syncs} syncs, ${slow.keys} keys`
      await annotate(`waiting at ${perSecond} events a second and ${syncMs} ms: ${found}`)
      if (slow.isSteady) {
        expect(slow.syncs, 'syncs of the service').toBeGreaterThan(SECONDS)
        expect(slow.keys, 'live keys').toBeGreaterThanOrEqual(LIVE_KEYS)
        expect(slow.missing, 'records that were never evaluated').toBe(0)
        return
      }
      grown.push(found)
      // A disk that is too slow for us is so every time; a neighbour that takes the processor is not.
      if (grown.length === TRIES) break
      if ((await run({ syncMs: 0, perSecond })).isSteady) continue
      perSecond /= 2
      grown.length = 0
      if (perSecond < LEAST_PER_SECOND) {
        expect.fail(`this machine does not take ${perSecond * 2} events a second on its own disk`)
      }
    }
    expect.fail(`at ${perSecond} events a second it grew every time: ${grown.join('; ')}`)
  },
)

it('the same verdict finds a disk on which one sync per commit is too slow', async () => {
  const syncMs = (3 * COMMIT_RECORDS_MAX * 1_000) / perSecond
  expect(await run({ syncMs, perSecond })).toMatchObject({ isSteady: false })
}, 600_000)

interface Run {
  readonly isSteady: boolean
  /** The fewest records that waited in each third of the run. */
  readonly lag: readonly number[]
  readonly syncs: number
  readonly keys: number
  /** Records that were sent and not evaluated when nothing moved any more. */
  readonly missing: number
}

async function run({ syncMs, perSecond }: { syncMs: number; perSecond: number }): Promise<Run> {
  const countFile = join(folder, 'count')
  writeFileSync(countFile, Buffer.alloc(8))
  const service = await startBenchService(benchFolder(ruleFile(RULES) + keyRules()), {
    LD_PRELOAD: shim,
    SLOW_SYNC_US: String(Math.round(syncMs * 1_000)),
    SLOW_SYNC_COUNT: countFile,
  })
  try {
    const lag = await sendAndWatch(service, perSecond)
    const isSteady = lag.at(-1)! <= perSecond / 2
    const syncs = Number(readFileSync(countFile).readBigInt64LE())
    if (!isSteady) return { isSteady, lag, syncs, keys: 0, missing: 0 }
    const sent = countAt(perSecond)
    const missing = sent - (await untilCommitted(service, sent, PATIENCE_MS))
    const keys = await untilLiveKeys(service, LIVE_KEYS, PATIENCE_MS)
    return { isSteady, lag, syncs, keys, missing }
  } finally {
    await service.end()
  }
}

/** Records of a run: enough for all the keys, however slow the machine. */
function countAt(perSecond: number): number {
  return Math.max(perSecond * SECONDS, KEY_MESSAGES)
}

/** Sends at the rate, and gives the fewest records that waited in each third of the run. */
async function sendAndWatch(service: BenchService, perSecond: number): Promise<number[]> {
  const socket = connect(service.running.ports['tcp']!, '127.0.0.1')
  await once(socket, 'connect')
  // A service that is killed resets what it has not read; that it is missing is counted.
  socket.on('error', () => socket.destroy())
  const count = countAt(perSecond)
  const pieces = new Pieces({ count, distinct: KEY_MESSAGES })
  const due = pacer(perSecond)
  const fewest = [count, count, count]
  let sent = 0
  while (pieces.left > 0) {
    for (let open = due(sent); open > 0;) {
      const piece = pieces.take(Math.min(open, PIECE_RECORDS))
      if (piece === undefined) break
      socket.write(piece.bytes)
      sent += piece.count
      open -= piece.count
    }
    const third = Math.min(2, Math.floor((3 * sent) / count))
    fewest[third] = Math.min(fewest[third]!, sent - service.committed())
    await new Promise((resolve) => void setTimeout(resolve, 5))
  }
  socket.end()
  return fewest
}
