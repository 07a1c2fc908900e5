import { expect, test } from 'vitest'
import { compileRuleset } from '../../../src/config/ruleset.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import type { Matches } from '../../../src/model/matches.ts'
import type { Slab } from '../../../src/model/slab.ts'
import { Intake } from '../../../src/threads/intake/intake.ts'
import type { FromJournal, ToCore, ToJournal } from '../../../src/threads/messages.ts'
import { localPair } from '../../../src/threads/ports.ts'
import { gelfTcpSchema } from '../../../src/ingest/gelf/settings.ts'
import { gelf, sendTcp } from '../../support/gelf-send.ts'
import { waitFor } from '../../support/wait-for.ts'

const START_MS = Date.UTC(2026, 0, 5, 9)

/** Rules that every record matches, as main sends them. */
function rules(id: string, order: number) {
  const documents = [{ file: 'a.yaml', text: `rule: ${id}\nwhere: "*"\nmatch: {}\n` }]
  const source = { documents, inputs: {}, fields: {} }
  const { hash } = compileRuleset(source).ruleset
  return { kind: 'rules', hash, source, order, origin: null } as const
}

test('a reload ends the slab that is open, with what the rules before found in it', async () => {
  const clock = new ManualClock(START_MS)
  const [ofIntake, journal] = localPair<ToJournal, FromJournal>()
  const [toCore, core] = localPair<ToCore, never>()
  const matches: Matches[] = []
  const order: string[] = []
  core.listen((message) => {
    if (message.kind === 'matches') matches.push(message.matches)
    if (message.kind === 'matches' || message.kind === 'rules') order.push(message.kind)
  })
  // The journal is busy and answers nothing yet, so that small slabs wait for more.
  const slabs: Slab[] = []
  journal.listen((message) => {
    if (message.kind === 'slab') slabs.push(message.slab)
  })
  const intake = new Intake({
    thread: 0,
    clock: clock.now,
    timers: clock,
    report: () => undefined,
    journal: ofIntake,
    core: toCore,
    verifySelf: () => false,
    requests: () => [],
    onFatal: (error) => {
      throw error
    },
  })
  const [before, after] = [rules('before', 1), rules('after', 2)]
  intake.activate(before)
  const settings = gelfTcpSchema.parse({ type: 'gelf-tcp', name: 'web', listen: 0 })
  const [listening] = await intake.start([settings], 1)
  for (let i = 0; i < 4; i++) {
    const held = () => slabs.reduce((sum, { offsets }) => sum + offsets.length - 1, 0)
    await sendTcp(listening!.port, [gelf(`m${i}`)])
    if (i < 2) await waitFor('a slab', () => (held() > i ? true : undefined))
  }
  intake.activate(after)
  const told = () => order.filter((kind) => kind === 'rules').length
  await waitFor('the reload at the core', () => (told() === 2 ? true : undefined))
  expect(matches.map(({ count, rows, ruleset }) => [count, rows.length, ruleset])).toEqual([
    [1, 1, before.hash],
    [1, 1, before.hash],
    [2, 2, before.hash],
  ])
  expect(order.slice(-2)).toEqual(['matches', 'rules'])
  for (const { partition, thread, seq, offsets } of slabs) {
    const durable = { partition, thread, seq, count: offsets.length - 1, firstPosition: seq }
    journal.post({ kind: 'durable', durable })
  }
  await intake.stop()
})
