/** Entry point of the core's thread. */
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'

import { systemClock, systemTimers } from '../../system-clock.ts'
import { workerPort } from '../ports.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { hostCore } from './core-host.ts'

const { settings, journal, intakes } = workerData as {
  settings: ThreadSettings
  journal: MessagePort
  intakes: MessagePort[]
}

await hostCore({
  settings,
  clock: systemClock,
  timers: systemTimers,
  main: workerPort(parentPort!),
  journal: workerPort(journal),
  intakes: intakes.map((port) => workerPort(port)),
  hasSpareThreads: true,
})
