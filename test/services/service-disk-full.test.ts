/**
 * The disk fills under the whole service: what cannot be kept is refused or shed and counted,
 * everything else stays up, nothing is corrupt, and with room again it goes on by itself.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { gelf, postGelf } from '../support/gelf-send.ts'
import { journalled } from '../support/journalled.ts'
import {
  everyEventRules,
  HTTP_CONFIG,
  incidents,
  metric,
  sloEvents,
} from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0" }
  - { name: tcp, type: gelf-tcp, listen: "127.0.0.1:0" }
${HTTP_CONFIG}
`
const RULES = everyEventRules('web', 'tcp')
const BATCH = 50

let folder: string
let disk: string
let service: RunningService | undefined

beforeEach(() => {
  if (process.getuid?.() !== 0) {
    throw new Error('This test mounts a small tmpfs and therefore has to run as root.')
  }
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': RULES })
  disk = join(folder, 'data')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk])
})
afterEach(async () => {
  await service?.stop('SIGKILL')
  // Lazily, so that a test that failed leaves no mount behind.
  execFileSync('umount', ['--lazy', disk])
  rmSync(folder, { recursive: true, force: true })
})

it('a full disk sheds load and keeps what was accepted; with room again it goes on by itself', async () => {
  service = await startService(folder)
  const { url, ports } = service
  const accepted = new Set<string>()
  let sent = 0
  const post = async (): Promise<number> => {
    const refs = Array.from({ length: BATCH }, () => `web-${sent++}`)
    const status = await postGelf(ports['web']!, refs.map((ref) => message('web', ref)).join('\n'))
    if (status === 202) for (const ref of refs) accepted.add(ref)
    return status
  }

  let refused = 0
  for (let tries = 0; refused < 20; tries++) {
    expect(tries, 'the disk fills').toBeLessThan(5_000)
    const status = await post()
    if (status === 202) continue
    expect([503, 507]).toContain(status)
    refused++
  }
  expect(accepted.size).toBeGreaterThan(1_000)

  // TCP goes on being read: far more than the kernel's buffers, which nobody would take otherwise.
  const socket = createConnection(ports['tcp']!, '127.0.0.1')
  await once(socket, 'connect')
  const frames = Array.from({ length: 100 }, (_, n) => `${message('tcp', `shed-${n}`)}\0`).join('')
  for (let n = 0; n < 200; n++) {
    await new Promise<void>((resolve, reject) => {
      socket.write(frames, (error) => (error == null ? resolve() : reject(error)))
    })
  }
  const shed = await waitFor('shed messages to be counted', async () => {
    const rejected = await metric(url, 'tocsin_input_rejected_total', { input: 'tcp' })
    const taken = await metric(url, 'tocsin_input_accepted_total', { input: 'tcp' })
    return rejected + taken === 20_000 ? rejected : undefined
  })
  expect(shed).toBeGreaterThan(0)
  expect(await metric(url, 'tocsin_journal_dropped_records_total')).toBeGreaterThanOrEqual(shed)

  for (const path of ['/health/live', '/health/ready', '/', '/metrics', '/metrics/slo']) {
    expect((await fetch(url + path)).status, path).toBe(200)
  }
  expect((await incidents(url)).length).toBeGreaterThan(0)

  execFileSync('mount', ['-o', 'remount,size=200m', disk])
  await waitFor(
    'the service to accept again',
    async () => ((await post()) === 202 ? true : undefined),
    10_000,
  )
  socket.write(`${message('tcp', 'after')}\0`)
  for (let n = 0; n < 10; n++) expect(await post()).toBe(202)
  await waitFor('the TCP connection to be taken again', async () => {
    const all = await incidents(url)
    return all.some(({ group }) => group['sender'] === 'tcp') ? true : undefined
  })

  const refs = (): string[] => journalled<{ _ref: string }>(folder).map(({ _ref }) => _ref)
  await waitFor('everything in the journal to be evaluated', async () =>
    (await sloEvents(url, 'all')) >= refs().length ? true : undefined,
  )
  const kept = refs()
  expect(await sloEvents(url, 'all')).toBe(kept.length)
  expect(new Set(kept).size).toBe(kept.length)
  const known = new Set(kept)
  expect([...accepted].filter((ref) => !known.has(ref))).toEqual([])
  expect(await service.stop()).toBe(0)
  for (const file of databases()) expect(integrity(file), file).toBe('ok')
})

it('SIGTERM on a full disk ends the process, and the next start evaluates what was accepted', async () => {
  service = await startService(folder)
  const { ports } = service
  const accepted = new Set<string>()
  for (let n = 0, refused = 0; refused < 20; n++) {
    const all = Array.from({ length: BATCH }, (_, i) => `${n}-${i}`)
    const body = all.map((ref) => message('web', ref)).join('\n')
    if ((await postGelf(ports['web']!, body)) === 202) for (const ref of all) accepted.add(ref)
    else refused++
  }
  // 70: not everything could be committed in time; it is in the journal.
  expect([0, 70]).toContain(await service.stop('SIGTERM'))
  execFileSync('mount', ['-o', 'remount,size=200m', disk])

  service = await startService(folder)
  const { url } = service
  const kept = journalled<{ _ref: string }>(folder).map(({ _ref }) => _ref)
  const known = new Set(kept)
  expect([...accepted].filter((ref) => !known.has(ref))).toEqual([])
  await waitFor('everything to be evaluated', async () =>
    (await sloEvents(url, 'all')) >= kept.length ? true : undefined,
  )
  expect(await sloEvents(url, 'all')).toBe(kept.length)
  expect(await service.stop()).toBe(0)
  for (const file of databases()) expect(integrity(file), file).toBe('ok')
})

/** About 1 KiB that hardly shrinks, so that the disk fills soon. */
function message(sender: string, ref: string): string {
  const _noise = Array.from({ length: 64 }, () => Math.random().toString(36).slice(2)).join('')
  return gelf(`message ${ref}`, { _sender: sender, _ref: ref, _noise })
}

function databases(): string[] {
  const journal = join(disk, 'journal')
  const segments = readdirSync(journal).filter((name) => name.endsWith('.db'))
  expect(segments.length).toBeGreaterThan(0)
  return [join(disk, 'tocsin.db'), ...segments.map((name) => join(journal, name))]
}

function integrity(file: string): unknown {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database.prepare('PRAGMA integrity_check').get()?.['integrity_check']
  } finally {
    database.close()
  }
}
