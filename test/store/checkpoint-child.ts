/**
 * Runs checkpoint cycles for ever in the database named on the command line, with commits between
 * their calls, and writes each cycle's number once it is complete. `checkpoint-kill.test.ts` kills it.
 */
import { writeSync } from 'node:fs'
import { argv } from 'node:process'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { entry, openKeyOf, request, tinyDecide } from './builders.ts'
import { bucket, cycle, loaded } from './checkpoint-builders.ts'

const PARTS = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7, 256],
]

const store = await openSqliteStore({ file: argv[2]! })
let { nextNo } = await store.claim('child', Date.now())
const { time } = await loaded(store)

for (let number = (time?.watermarks['cycle'] ?? 0) + 1; ; number++) {
  const began = nextNo
  const next = cycle({
    no: began,
    time: { ruleset: 'rules1', partitions: [], watermarks: { cycle: number } },
  })
  for (const [i, part] of PARTS.entries()) {
    await store.commit(request(nextNo, [], { entries: [entry({}, nextNo)] }), tinyDecide, openKeyOf)
    const no = nextNo++
    const blob = Buffer.from(JSON.stringify({ cycle: number, began, no }))
    const buckets = part.map((at) => bucket({ bucket: at, no, blob }))
    await store.saveCheckpoint(buckets, i === PARTS.length - 1 ? next : undefined)
  }
  writeSync(1, `${number}\n`)
}
