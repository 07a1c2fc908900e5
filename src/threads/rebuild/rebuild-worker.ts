/** Entry point of the spare thread. */
import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'

import { workerPort } from '../ports.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { hostRebuild } from './rebuild-host.ts'

const { settings, core } = workerData as { settings: ThreadSettings; core: MessagePort }

hostRebuild({ settings, main: workerPort(parentPort!), core: workerPort(core) })
