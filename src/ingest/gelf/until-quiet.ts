import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../../lib/clock.ts'

/** How long a stopping input goes on reading a sender that never pauses. */
const MAX_MS = 1_000

/** The same in turns of the event loop, for a clock that stands still. */
const MAX_TURNS = 10_000

/**
 * Lets the event loop turn until nothing more was read for some turns: then the kernel's buffers
 * are empty.
 */
export async function untilQuiet(reads: () => number, clock: Clock): Promise<void> {
  const endMs = clock() + MAX_MS
  let quiet = 0
  for (let turn = 0; turn < MAX_TURNS && quiet < 3 && clock() < endMs; turn++) {
    const before = reads()
    await nextTurn()
    quiet = reads() === before ? quiet + 1 : 0
  }
}
