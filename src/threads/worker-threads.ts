import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'

import type { FailedMessage } from './messages.ts'
import type { Port } from './ports.ts'
import type { ThreadSettings } from './thread-settings.ts'
import type { Threads } from './threads.ts'

/**
 * The threads of one process as workers (design §4.5): core, journal and `intakes` intake
 * threads, joined by channels of their own so that main is on nobody's way.
 */
export function startWorkerThreads(settings: ThreadSettings, intakes: number): Threads {
  const journalToCore = new MessageChannel()
  const toCore = Array.from({ length: intakes }, () => new MessageChannel())
  const toJournal = Array.from({ length: intakes }, () => new MessageChannel())

  const core = start('core/core-worker', {
    settings,
    journal: journalToCore.port2,
    intakes: toCore.map(({ port2 }) => port2),
  })
  const journal = start('journal/journal-worker', {
    settings,
    core: journalToCore.port1,
    intakes: toJournal.map(({ port2 }) => port2),
  })
  const intakeWorkers = toCore.map((channel, thread) =>
    start('intake/intake-worker', {
      settings,
      thread,
      journal: toJournal[thread]!.port1,
      core: channel.port1,
    }),
  )
  const workers = [core, journal, ...intakeWorkers]
  return {
    core: port(core),
    journal: port(journal),
    intakes: intakeWorkers.map((worker) => port(worker)),
    async end() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

function start(entry: string, data: Readonly<Record<string, unknown>>): Worker {
  const extension = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'
  const ports = Object.values(data).flat().filter(isMessagePort)
  return new Worker(new URL(`./${entry}${extension}`, import.meta.url), {
    workerData: data,
    transferList: ports,
  })
}

function isMessagePort(value: unknown): value is MessagePort {
  return value !== null && typeof value === 'object' && 'postMessage' in value
}

/** A worker's end in main; a worker that dies says `failed` like one that gave up. */
function port<Out, In>(worker: Worker): Port<Out, In | FailedMessage> & Port<Out, In> {
  return {
    post: (message) => worker.postMessage(message),
    listen(handler) {
      worker.on('message', handler)
      worker.on('error', (error: Error) => {
        const message = error.stack ?? error.message
        handler({ kind: 'failed', message, isFenced: false } as In & FailedMessage)
      })
    },
    close: () => void worker.terminate(),
  }
}
