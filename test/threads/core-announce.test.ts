/** The core is told of rules before the intake threads switch to them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

import { compileRuleset } from '../../src/config/ruleset.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { FromCore } from '../../src/threads/messages.ts'
import { startLoneCore } from '../support/lone-core.ts'
import { waitFor } from '../support/wait-for.ts'

let data = ''
afterEach(() => rmSync(data, { recursive: true, force: true }))

async function startCore() {
  data = mkdtempSync(join(tmpdir(), 'tocsin-announce-'))
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const seen: string[] = []
  const heard = (message: FromCore): void => {
    if (message.kind === 'occurrence') return
    const number = message.kind === 'prepared' || message.kind === 'announced'
    seen.push(number ? `${message.kind} ${message.order}` : message.kind)
  }
  const main = await startLoneCore({ data, clock, heard })
  const rules = (order: number) => {
    const documents = [{ file: 'a.yaml', text: `rule: r${order}\nwhere: "*"\nmatch: {}\n` }]
    const source = { documents, inputs: {}, fields: {} }
    return { hash: compileRuleset(source).ruleset.hash, order, source, origin: null }
  }
  return {
    seen,
    announce: (order: number) => main.post({ kind: 'announce', ...rules(order) }),
    switchTo: (order: number) => main.post({ kind: 'rules', ...rules(order) }),
    saw: (what: string) => waitFor(what, () => seen.includes(what) || undefined),
    async stop() {
      main.post({ kind: 'stop' })
      await waitFor('the end', () => seen.includes('stopped') || undefined)
    },
  }
}

it('says when announced rules are prepared, and brings them into force when they come', async () => {
  const core = await startCore()
  core.switchTo(0)
  await core.saw('active')
  core.announce(1)
  await core.saw('prepared 1')
  expect(core.seen.filter((what) => what === 'active')).toHaveLength(1)
  core.switchTo(1)
  await waitFor(
    'the second set',
    () => core.seen.filter((w) => w === 'active').length === 2 || undefined,
  )
  await core.stop()
  expect(core.seen).not.toContain('failed')
})

it('commits nothing before any rules are in force, also when newer ones are announced', async () => {
  const core = await startCore()
  core.announce(1)
  await core.saw('prepared 1')
  expect(core.seen).not.toContain('committed')
  core.switchTo(1)
  await core.saw('committed')
  expect(core.seen.indexOf('active')).toBeLessThan(core.seen.indexOf('committed'))
  await core.stop()
})
