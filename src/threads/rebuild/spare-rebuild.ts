import { Worker } from 'node:worker_threads'

import type { Report } from '../../model/occurrence.ts'
import type { FailedMessage, FromRebuild, OccurrenceMessage, ToRebuild } from '../messages.ts'
import type { Port } from '../ports.ts'
import { localPair } from '../ports.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { hostRebuild } from './rebuild-host.ts'

export type FromRebuildThread = FromRebuild | OccurrenceMessage | FailedMessage

/** Where edited rules are rebuilt, and its end. */
export interface SpareRebuild extends Port<ToRebuild, FromRebuild> {
  /** Resolves when nothing is read any more. */
  stop(): Promise<void>
}

export interface SpareRebuildOptions {
  readonly settings: Pick<ThreadSettings, 'data' | 'selfKey'>
  readonly report: Report
  /** The journal or the log cannot be read, or a promise of ours is broken. */
  readonly fail: (error: Error) => void
}

/** A thread of its own, started when something is to be rebuilt for the first time. */
export function rebuildInThread({ settings, report, fail }: SpareRebuildOptions): SpareRebuild {
  let handler: (message: FromRebuild) => void = () => undefined
  const start = (): Worker => {
    const extension = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'
    const entry = new URL(`./rebuild-worker${extension}`, import.meta.url)
    const { data, selfKey } = settings
    const started = new Worker(entry, { workerData: { data, selfKey } })
    started.on('error', (error: Error) => fail(error))
    started.on('message', (message: FromRebuildThread) => {
      if (message.kind === 'occurrence') report(message.occurrence)
      else if (message.kind === 'failed') fail(new Error(message.message))
      else handler(message)
    })
    return started
  }
  let worker: Worker | undefined
  const stop = async (): Promise<void> => {
    await worker?.terminate()
  }
  return {
    post(message) {
      worker ??= start()
      worker.postMessage(message)
    },
    listen: (to) => void (handler = to),
    close: () => void stop(),
    stop,
  }
}

/** In the caller's thread, by the same messages in the same order: tests use it. */
export function rebuildHere({ settings, report, fail }: SpareRebuildOptions): SpareRebuild {
  const [core, spare] = localPair<ToRebuild, FromRebuild>()
  const desk = hostRebuild(settings, {
    report,
    post: (message) => spare.post(message),
    onFatal: fail,
  })
  spare.listen((message) => desk.receive(message))
  return { ...core, stop: () => desk.stop() }
}
