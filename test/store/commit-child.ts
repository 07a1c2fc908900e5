/**
 * Commits for ever into the database named on the command line, and writes the number of each entry
 * once its commit returned. Started by `kill.test.ts`, which kills it.
 */
import { writeSync } from 'node:fs'
import { argv } from 'node:process'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { change, entry, openKeyOf, request, tinyDecide } from './builders.ts'

const store = await openSqliteStore({ file: argv[2]! })
const { nextNo } = await store.claim('child', Date.now())
for (let no = nextNo; ; no += 2) {
  const group = { no: String(no) }
  const over = { id: `e${no}`, group, groupKey: JSON.stringify([String(no)]) }
  const slo = [{ slo: 's', group: '[]', minuteMs: 0, total: 1, bad: 0 }]
  const entries = [entry({ episodes: [change('opened', over)] }, no), entry({ slo }, no + 1)]
  await store.commit(request(no, [], { entries }), tinyDecide, openKeyOf)
  writeSync(1, `${no + 1}\n`)
}
