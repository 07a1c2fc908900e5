import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TIMING } from '../../src/model/partition.ts'
import { OneThreadService } from '../support/one-thread-service.ts'

const text = ['a', 'b', 'c']
  .map((user) => `rule: of-${user}\nwhere: "user:${user}"\nmatch: {}\n`)
  .join('---\n')

let data: string

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'tocsin-candidates-'))
})
afterEach(() => rmSync(data, { recursive: true }))

it('tells how many conditions were asked, all of them once the inputs are closed', async () => {
  const input = { ...DEFAULT_TIMING, labels: {} }
  const service = new OneThreadService({
    data,
    startMs: 1_764_000_000_000,
    source: {
      documents: [{ file: 'rules.yaml', text }],
      inputs: { web: input, syslog: input },
      fields: {},
    },
  })
  await service.start()
  const of = (user: string) => `{"host":"h","short_message":"m","_user":"${user}"}`
  // The first slab is told at once, what follows within a second is not.
  await service.send('web', [of('a'), of('b'), of('nobody')])
  await service.send('web', [of('c'), of('nobody')])
  const told = () => service.found('input.matched').map(({ labels, count }) => ({ labels, count }))
  expect(told()).toEqual([{ labels: { input: 'web' }, count: 2 }])
  await service.stop()
  expect(told()).toEqual([
    { labels: { input: 'web' }, count: 2 },
    { labels: { input: 'web' }, count: 1 },
  ])
})
