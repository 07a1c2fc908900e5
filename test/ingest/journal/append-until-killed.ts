/**
 * Appends to the journal in the folder given until it is killed. Each acknowledged slab is printed
 * as `partition firstPosition count` on a line of its own, after the append has returned.
 */
import { writeSync } from 'node:fs'
import { openJournalWriter } from '../../../src/ingest/journal/sqlite-journal.ts'
import { systemClock } from '../../../src/system-clock.ts'
import { slabAt } from './numbered-records.ts'

const folder = process.argv[2]!
const writer = openJournalWriter({
  folder,
  clock: systemClock,
  // Small, so that kills also land in the making and sealing of segments.
  maxSegmentBytes: 100_000,
  report: ({ name, detail }) => {
    if (name === 'journal.damaged') throw new Error(JSON.stringify(detail))
  },
})
const next = new Map<string, number>()
for (const partition of ['tcp@1', 'http@1']) {
  // An empty slab takes no place, so its answer tells where the partition stands.
  next.set(partition, writer.append([slabAt(partition, 0, 0)])[0]!.firstPosition)
}

for (let round = 0; ; round++) {
  const slabs = [...next].map(([partition, from]) =>
    slabAt(partition, from, 1 + ((round * 7) % 40)),
  )
  let acknowledged = ''
  for (const { partition, firstPosition, count } of writer.append(slabs)) {
    next.set(partition, firstPosition + count)
    acknowledged += `${partition} ${firstPosition} ${count}\n`
  }
  writeSync(1, acknowledged)
}
