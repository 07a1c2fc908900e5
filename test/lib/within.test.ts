import { expect, it } from 'vitest'

import { ManualClock } from '../../src/lib/manual-clock.ts'
import { within } from '../../src/lib/within.ts'

it('says whether work ended in time, and passes its failure on', async () => {
  const clock = new ManualClock(0)
  await expect(within(Promise.resolve(), 10, clock)).resolves.toBe(true)
  await expect(within(Promise.reject(new Error('no')), 10, clock)).rejects.toThrow('no')

  const work = Promise.withResolvers<void>()
  const late = within(work.promise, 10, clock)
  clock.advance(10)
  await expect(late).resolves.toBe(false)
  // A failure that comes later is nobody's any more.
  work.reject(new Error('too late'))
})
