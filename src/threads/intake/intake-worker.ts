/** Entry point of an intake thread. */
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'

import { systemClock, systemTimers } from '../../system-clock.ts'
import { workerPort } from '../ports.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { hostIntake } from './intake-host.ts'

const { settings, thread, journal, core } = workerData as {
  settings: ThreadSettings
  thread: number
  journal: MessagePort
  core: MessagePort
}

hostIntake({
  settings,
  thread,
  clock: systemClock,
  timers: systemTimers,
  main: workerPort(parentPort!),
  journal: workerPort(journal),
  core: workerPort(core),
})
