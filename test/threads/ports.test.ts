import { expect, it } from 'vitest'

import { localPair } from '../../src/threads/ports.ts'
import { waitFor } from '../support/wait-for.ts'

it('carries messages in order, after the sender has returned, also those sent before anyone listened', async () => {
  const [left, right] = localPair<number, string>()
  const seen: number[] = []
  left.post(1)
  left.post(2)
  right.listen((message) => {
    seen.push(message)
    if (message === 1) left.post(4)
  })
  left.post(3)
  expect(seen).toEqual([])
  await waitFor('the messages', () => (seen.length === 4 ? seen : undefined))
  expect(seen).toEqual([1, 2, 3, 4])
})

it('drops what comes after it was closed', async () => {
  const [left, right] = localPair<number, number>()
  const seen: number[] = []
  const echoes: number[] = []
  right.listen((message) => void seen.push(message))
  left.listen((message) => void echoes.push(message))
  left.close()
  right.post(1)
  left.post(2)
  await waitFor('the one that is open', () => (seen.length === 1 ? true : undefined))
  expect(echoes).toEqual([])
})
