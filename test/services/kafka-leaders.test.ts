/**
 * Three brokers, of which the one that leads is killed, and another one hangs for a while: reading
 * goes on, and every record counts once.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { startService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'
import { KafkaBroker } from './kafka-broker.ts'
import { countingFolder } from './kafka-counting.ts'
import { keepWriting, makeTopic, readLog, withAdmin } from './kafka-traffic.ts'

const TOPIC = 'orders'
/** Longer than the brokers wait for one another (6 s) and than a session lasts (10 s). */
const HANG_MS = 15_000

let kafka: KafkaBroker
beforeAll(async () => {
  kafka = await KafkaBroker.startOwn({ version: '3.9.2', brokers: 3 })
})
afterAll(async () => {
  await kafka.close()
})

it('reads on when the leader of a partition is killed, and after another one hung', async () => {
  const brokers = kafka.addresses.PLAINTEXT
  await makeTopic(brokers, TOPIC, 3)
  const folder = countingFolder(brokers, TOPIC)
  const service = await startService(folder)
  const writing = keepWriting({ brokers, topic: TOPIC, partitions: 3, perSecond: 100 })
  const counts = (): ReadonlyMap<string, number> => countsOf(folder)
  const more = (what: string) => {
    const before = counts().size
    return waitFor(what, () => (counts().size > before + 100 ? true : undefined), 60_000)
  }
  await more('the first records')

  const leader = await leaderOf(brokers)
  await kafka.kill(leader)
  await more('records without the leader that was killed')
  await kafka.up(leader)
  const next = await leaderOf(brokers)
  kafka.freeze(next)
  await sleep(HANG_MS)
  kafka.thaw(next)
  await more('records after a leader that hung')
  await writing.stop()

  const log = await readLog(brokers, TOPIC)
  await waitFor('every record', () => (counts().size >= log.size ? true : undefined), 60_000).catch(
    () => undefined,
  )
  expect(await service.stop()).toBe(0)
  expect(Object.fromEntries(counts())).toEqual(Object.fromEntries(log))
  rmSync(folder, { recursive: true, force: true })
})

async function leaderOf(brokers: readonly string[]): Promise<number> {
  return await withAdmin(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] })
    return topics[0]!.partitions.find(({ partitionId }) => partitionId === 0)!.leader
  })
}

/** How often each record was counted. */
function countsOf(folder: string): ReadonlyMap<string, number> {
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  try {
    const rows = database.prepare('SELECT group_key, total FROM slo_total').all()
    return new Map(
      rows.map(({ group_key: key, total }) => [
        (JSON.parse(key as string) as string[])[0]!,
        total as number,
      ]),
    )
  } finally {
    database.close()
  }
}
