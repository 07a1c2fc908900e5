/** Entry point of the journal's thread. */
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'

import { systemClock, systemTimers } from '../../system-clock.ts'
import { workerPort } from '../ports.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { hostJournal } from './journal-host.ts'

const { settings, core, intakes } = workerData as {
  settings: ThreadSettings
  core: MessagePort
  intakes: MessagePort[]
}

hostJournal({
  settings,
  clock: systemClock,
  timers: systemTimers,
  main: workerPort(parentPort!),
  core: workerPort(core),
  intakes: intakes.map((port) => workerPort(port)),
})
