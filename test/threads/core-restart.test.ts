/** A service in one thread on a clock of the test, stopped and started again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

import type { RulesetSource } from '../../src/model/ruleset.ts'
import { OneThreadService } from '../support/one-thread-service.ts'

const SOURCE: RulesetSource = {
  documents: [
    {
      file: 'a.yaml',
      text: `rule: a
from: [syslog]
where: _exists_:k
group_by: [k]
threshold: { at_least: 2, within: 3s }
late_by: 1s
clear: { quiet_for: 4s }
`,
    },
  ],
  inputs: { syslog: { reorderMs: 0, idleAfterMs: 2_000, labels: {} } },
  fields: {},
}

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

it('replays with the timing that its inputs had, not with the defaults', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tocsin-restart-'))
  folders.push(data)
  const first = new OneThreadService({ data, source: SOURCE, startMs: Date.UTC(2026, 0, 1) })
  await first.start()
  for (const k of ['x', 'x', 'y', 'x', 'y']) {
    const record = { version: '1.1', host: 'h', short_message: 'm', _k: k }
    const timestamp = first.clock.now() / 1_000
    await first.send('syslog', [JSON.stringify({ ...record, timestamp })])
    first.clock.advance(500)
  }
  await first.cutOff()
  // An idle gap long enough that the assumed watermark clears and settles.
  for (let second = 0; second < 7; second++) await first.second()
  await first.stop()

  const startMs = first.clock.now()
  const second = new OneThreadService({ data, source: SOURCE, startMs })
  await second.start()
  const [replayed] = second.found('core.replayed')
  expect(replayed!.detail).toMatchObject({ differences: 0 })
  expect(replayed!.detail!['entries']).toBeGreaterThan(5)
  await second.stop()
})
