import { expect, test } from 'vitest'
import type { GelfInputSettings } from '../../../src/ingest/gelf/settings.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import type { DroppedRecords } from '../../../src/model/commit.ts'
import { Drops } from '../../../src/threads/intake/drops.ts'
import { Intake } from '../../../src/threads/intake/intake.ts'
import type { FromJournal, ToCore, ToJournal } from '../../../src/threads/messages.ts'
import { localPair } from '../../../src/threads/ports.ts'
import { gelf, postGelf, sendTcp } from '../../support/gelf-send.ts'
import { waitFor } from '../../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 5, 9)

test('what is dropped in one second is one note for each partition, and none is lost at the end', async () => {
  const clock = new ManualClock(START_MS)
  const told: DroppedRecords[] = []
  const drops = new Drops({ clock: clock.now, timers: clock, tell: (one) => told.push(one) })
  drops.add('a@1', 5)
  clock.advance(400)
  drops.add('b@1', 1)
  drops.add('a@1', 2)
  expect(told).toEqual([])
  clock.advance(600)
  const [fromMs, toMs] = [START_MS, START_MS + 400]
  expect(told.splice(0)).toEqual([
    { partition: 'a@1', records: 7, fromMs, toMs },
    { partition: 'b@1', records: 1, fromMs: toMs, toMs },
  ])
  clock.advance(10_000)
  expect(told).toEqual([])
  drops.add('a@1', 3)
  drops.flush()
  drops.flush()
  const lateMs = START_MS + 11_000
  expect(told).toEqual([{ partition: 'a@1', records: 3, fromMs: lateMs, toMs: lateMs }])
})

test.for([
  { type: 'gelf-tcp', dropped: 2 },
  { type: 'gelf-http', dropped: 0 },
] as const)('of $type $dropped records are dropped when the journal refuses two', async (of) => {
  const clock = new ManualClock(START_MS)
  const [ofIntake, journal] = localPair<ToJournal, FromJournal>()
  const [toCore, core] = localPair<ToCore, never>()
  const heard: DroppedRecords[] = []
  core.listen((message) => {
    if (message.kind === 'dropped') heard.push(message.dropped)
  })
  journal.listen((message) => {
    if (message.kind !== 'slab') return
    const { partition, thread, seq } = message.slab
    journal.post({ kind: 'refused', partition, thread, seq, message: 'the disk is full' })
  })
  const rejected: unknown[] = []
  const intake = new Intake({
    thread: 0,
    clock: clock.now,
    timers: clock,
    report: ({ name, labels, count }) => {
      if (name === 'input.rejected') rejected.push([labels, count])
    },
    journal: ofIntake,
    core: toCore,
    verifySelf: () => false,
    requests: () => [],
    onFatal: (error) => {
      throw error
    },
  })
  const source = { documents: [], inputs: {}, fields: {} }
  intake.activate({ kind: 'rules', hash: '', order: 0, source, origin: null })
  const setting = { name: 'web', type: of.type, listen: { host: '127.0.0.1', port: 0 } }
  const [listening] = await intake.start([setting as GelfInputSettings], 3)
  if (of.type === 'gelf-tcp') await sendTcp(listening!.port, [gelf('a'), gelf('b')])
  else expect(await postGelf(listening!.port, `${gelf('a')}\n${gelf('b')}`)).toBe(503)
  await waitFor('the refusal', () => rejected[0])
  expect(rejected).toEqual([[{ input: 'web', reason: 'journal' }, 2]])
  await intake.stop()
  await new Promise((resolve) => setImmediate(resolve))
  const at = { fromMs: START_MS, toMs: START_MS }
  expect(heard).toEqual(of.dropped === 0 ? [] : [{ partition: 'web@3', records: 2, ...at }])
})
