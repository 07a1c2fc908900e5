/**
 * A consumer as kafkajs's own guide has it, `eachMessage` with commits of its own, that writes down
 * what it got: the yardstick of `kafka-once.test.ts`. `node FILE DATABASE TOPIC BROKERS`.
 */
import { DatabaseSync } from 'node:sqlite'

import { kafkaOf } from './kafka-traffic.ts'

const [, , file, topic, brokers] = process.argv as [string, string, string, string, string]

const database = new DatabaseSync(file)
database.exec('PRAGMA busy_timeout = 60000; PRAGMA journal_mode = WAL')
database.exec('CREATE TABLE IF NOT EXISTS seen (n TEXT)')
const insert = database.prepare('INSERT INTO seen VALUES (?)')

const consumer = kafkaOf(brokers.split(',')).consumer({
  groupId: 'plain',
  sessionTimeout: 10_000,
  heartbeatInterval: 1_000,
  rebalanceTimeout: 15_000,
})
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: true })
await consumer.run({
  // Every second, and not after every message, as everybody sets it who has many.
  autoCommitInterval: 1_000,
  eachMessage({ message }) {
    insert.run((JSON.parse(message.value!.toString()) as { _n: string })._n)
    return Promise.resolve()
  },
})
process.stdout.write('running\n')
