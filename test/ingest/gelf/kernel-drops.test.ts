import { createSocket, Socket } from 'node:dgram'
import { existsSync } from 'node:fs'

import { afterEach, expect, test, vi } from 'vitest'

import { dropsIn } from '../../../src/ingest/gelf/kernel-drops.ts'
import { gelfUdpSource } from '../../../src/ingest/gelf/udp.ts'
import { CleanUps } from '../../../src/lib/clean-ups.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'
import { gelf, MemorySink } from '../memory-sink.ts'

let cleanUps = new CleanUps()

afterEach(async () => {
  await cleanUps.run()
  cleanUps = new CleanUps()
})

const TABLE = `
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  391: 0100007F:2FA9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1217 2 0000000000000000 7
  392: 00000000:2FA9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1218 2 0000000000000000 20
  393: 0100007F:2FA9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1219 2 0000000000000000 5
`.trimStart()

test.each([
  ['127.0.0.1', 12_201, 12],
  ['0.0.0.0', 12_201, 20],
  ['127.0.0.1', 12_202, undefined],
])('the drops of %s:%d are those of its sockets', (address, port, drops) => {
  expect(dropsIn(TABLE, { address, port })).toBe(drops)
})

test('an IPv6 socket is known by its port', () => {
  const line = (address: string) =>
    `  1: ${address} ${'0'.repeat(32)}:0000 07 0:0 00:0 0 0 0 5 2 0 3`
  const table = `head\n${line(`${'0'.repeat(32)}:2FA9`)}\n${line(`${'0'.repeat(32)}:2FAA`)}\n`
  expect(dropsIn(table, { address: '::', port: 12_201 })).toBe(3)
})

test.skipIf(!existsSync('/proc/net/udp'))(
  'what came = accepted + dropped by the kernel, when nobody reads in time (F43)',
  async () => {
    const hands = new ManualClock()
    const sink = new MemorySink()
    const source = gelfUdpSource({ ...sink.parts, timers: hands })
    const { port, host } = await source.start()
    const client = createSocket('udp4')
    cleanUps.add('client', () => void client.close())
    await new Promise<void>((resolve) => client.connect(port, host, resolve))
    const datagram = gelf('flood', { _pad: 'x'.repeat(1_000) })
    // Sent at once, while this process, which is the reader too, is kept from reading.
    const sent = 40_000
    for (let i = 0; i < sent; i++) client.send(datagram)
    await source.stop()
    const dropped = sink.count('input.kernel_dropped')
    expect(dropped).toBeGreaterThan(0)
    expect(sink.records + dropped).toBe(sent)
  },
)

test('a receive buffer that is smaller than wished is told, with what to set', async () => {
  const given = vi.spyOn(Socket.prototype, 'getRecvBufferSize').mockReturnValue(2 * 4_194_304)
  cleanUps.add('spy', () => given.mockRestore())
  const sink = new MemorySink()
  const source = gelfUdpSource(sink.parts)
  await source.start()
  cleanUps.add('source', () => source.stop())
  const [told] = sink.occurrences.filter(({ name }) => name === 'input.small_buffer')
  expect(told!.detail).toMatchObject({ advice: 'sysctl -w net.core.rmem_max=16777216' })

  given.mockReturnValue(2 * 16_777_216)
  const other = new MemorySink()
  const wide = gelfUdpSource(other.parts)
  await wide.start()
  cleanUps.add('wide', () => wide.stop())
  expect(other.count('input.small_buffer')).toBe(0)
})
