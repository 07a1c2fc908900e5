import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { waitFor } from '../support/wait-for.ts'
import { FaultProxy } from './fault-proxy.ts'

/** A server that sends everything back, in pieces of the network's choice. */
let echo: Server
let proxy: FaultProxy
/** What the echo has received, and whether its clients have closed their side. */
let received = ''
let ended = 0

beforeEach(async () => {
  received = ''
  ended = 0
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      socket.write(bytes)
    })
    socket.on('end', () => {
      ended++
      socket.end()
    })
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  proxy = await FaultProxy.start({ port: (echo.address() as AddressInfo).port })
})
afterEach(async () => {
  await proxy.close()
  echo.close()
})

/** A client of the proxy, with what it heard and how it ended. */
async function client() {
  const socket: Socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
  const heard = { text: '', end: false, error: '' }
  socket.on('data', (bytes) => (heard.text += bytes.toString('latin1')))
  socket.on('end', () => (heard.end = true))
  socket.on('error', (error: NodeJS.ErrnoException) => (heard.error = error.code ?? ''))
  // A refusal may come before or after it.
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined)
  return { socket, heard }
}

const until = (what: string, holds: () => boolean) =>
  waitFor(what, () => holds() || undefined, 5_000)

test('without faults everything passes both ways, in order, and so does the end', async () => {
  const { socket, heard } = await client()
  const text = Array.from({ length: 50_000 }, (_, i) => `${i},`).join('')
  socket.end(text)
  await until('the end', () => heard.end)
  expect(received).toBe(text)
  expect(heard.text).toBe(text)
  expect([proxy.total, ended]).toEqual([1, 1])
  socket.destroy()
  await until('the close', () => proxy.open === 0)
})

test('with latency everything comes later, and still in order', async () => {
  const { socket, heard } = await client()
  proxy.set({ latencyMs: 60 })
  const startMs = performance.now()
  for (let i = 0; i < 20; i++) socket.write(`${i},`)
  await until('the answer', () => heard.text.endsWith('19,'))
  // Both ways; a timer may be a millisecond early.
  expect(performance.now() - startMs).toBeGreaterThan(118)
  expect(heard.text).toBe(Array.from({ length: 20 }, (_, i) => `${i},`).join(''))
  socket.destroy()
})

test('a black hole swallows nothing: what was sent arrives once it is over', async () => {
  const { socket, heard } = await client()
  socket.write('a')
  await until('the first answer', () => heard.text === 'a')
  proxy.set({ blackHole: true })
  socket.write('b')
  await until('a turn of the proxy', () => proxy.open === 1)
  expect([received, heard.text, heard.end, heard.error]).toEqual(['a', 'a', false, ''])
  proxy.set({})
  await until('the second answer', () => heard.text === 'ab')
  socket.destroy()
})

test('a cut resets both sides, and new connections pass', async () => {
  const { socket, heard } = await client()
  socket.write('a')
  await until('the answer', () => heard.text === 'a')
  proxy.cut()
  await until('the reset', () => heard.error === 'ECONNRESET')
  const second = await client()
  second.socket.write('b')
  await until('the answer', () => second.heard.text === 'b')
  expect(proxy.total).toBe(2)
  second.socket.destroy()
})

test('refusing resets new connections and leaves open ones alone', async () => {
  const first = await client()
  proxy.set({ refuse: true })
  const second = await client()
  await until('the reset', () => second.heard.error === 'ECONNRESET')
  first.socket.write('a')
  await until('the answer', () => first.heard.text === 'a')
  expect(proxy.total).toBe(1)
  first.socket.destroy()
})

test('half closed, the client hears the end and can still send', async () => {
  const { socket, heard } = await client()
  socket.write('a')
  await until('the answer', () => heard.text === 'a')
  proxy.halfClose()
  await until('the end', () => heard.end)
  socket.write('b')
  await until('what was sent', () => received === 'ab')
  expect([heard.text, heard.error, ended]).toEqual(['a', '', 0])
  socket.destroy()
})
