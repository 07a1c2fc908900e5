import { DEFAULT_POLICY } from '../../src/incidents/policy.ts'
import type { ManualClock } from '../../src/lib/manual-clock.ts'
import { hostCore } from '../../src/threads/core/core-host.ts'
import type { FromCore, ToCore } from '../../src/threads/messages.ts'
import { localPair } from '../../src/threads/ports.ts'
import type { Port } from '../../src/threads/ports.ts'

/**
 * The core alone on a data folder, without intake and journal threads: what they would tell it comes
 * from the test. `heard` gets its every message.
 */
export async function startLoneCore(options: {
  readonly data: string
  readonly clock: ManualClock
  readonly heard: (message: FromCore) => void
  /** Default: so much that retention never removes anything. */
  readonly maxAgeMs?: number
  readonly maxBytes?: number
}): Promise<Port<ToCore, FromCore>> {
  const { data, clock, heard, maxAgeMs = 1e12, maxBytes = 1e12 } = options
  const [main, core] = localPair<ToCore, FromCore>()
  main.listen(heard)
  await hostCore({
    settings: {
      data,
      journal: { maxAgeMs, maxBytes, maxSegmentBytes: 1e9, maxSegmentMs: 1e12 },
      routing: {
        receivers: [],
        procedure: DEFAULT_POLICY.procedures,
        baseUrl: 'http://127.0.0.1',
        graylogUrl: null,
      },
      selfKey: '00',
      owner: 'test',
      env: {},
    },
    clock: clock.now,
    timers: clock,
    main: core,
    journal: localPair<ToCore, never>()[1],
    intakes: [],
  })
  return main
}
