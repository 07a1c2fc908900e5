/** Entry point of the thread that rebuilds edited rules. */
import { parentPort, workerData } from 'node:worker_threads'

import type { ToRebuild } from '../messages.ts'
import { workerPort } from '../ports.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { hostRebuild } from './rebuild-host.ts'
import type { FromRebuildThread } from './spare-rebuild.ts'

const core = workerPort<FromRebuildThread, ToRebuild>(parentPort!)
const desk = hostRebuild(workerData as ThreadSettings, {
  report: (occurrence) => core.post({ kind: 'occurrence', occurrence }),
  post: (message, transfer) => core.post(message, transfer),
  onFatal: ({ message }) => core.post({ kind: 'failed', message, isFenced: false }),
})
core.listen((message) => desk.receive(message))
