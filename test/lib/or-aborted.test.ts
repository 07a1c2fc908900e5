import { expect, it } from 'vitest'

import { orAborted } from '../../src/lib/or-aborted.ts'

it('waiting for work ends with the work, or with the reason of an abort before or meanwhile', async () => {
  const abort = new AbortController()
  const never = new Promise<never>(() => undefined)
  expect(await orAborted(Promise.resolve(1), abort.signal)).toBe(1)
  await expect(orAborted(Promise.reject(new Error('work')), abort.signal)).rejects.toThrow('work')
  const waiting = orAborted(never, abort.signal)
  abort.abort(new Error('stopping'))
  await expect(waiting).rejects.toThrow('stopping')
  await expect(orAborted(never, abort.signal)).rejects.toThrow('stopping')
})
