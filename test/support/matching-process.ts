/**
 * Intake, matching, journal and core of a service in their threads, as `app.ts` starts them, without
 * page, configuration and delivery: a process that starts fast and is killed often. Takes its
 * {@link MatchingSettings} as JSON on the command line, writes one JSON line for each thing that
 * happens, and stops in good order when its standard input ends.
 */
import { argv, stdin, stdout } from 'node:process'

import type { GelfInputSettings } from '../../src/ingest/gelf/settings.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { CoreClient } from '../../src/threads/core-client.ts'
import type { ThreadSettings } from '../../src/threads/thread-settings.ts'
import { dealInputs } from '../../src/threads/threads.ts'
import { startWorkerThreads } from '../../src/threads/worker-threads.ts'

/** Whole, so that the process has nothing to load for reading them. */
export interface MatchingSettings {
  readonly threads: ThreadSettings
  readonly source: RulesetSource
  /** Of `source`. */
  readonly hash: string
  readonly inputs: readonly GelfInputSettings[]
  /** Threads that receive and match: the inputs are dealt to them. */
  readonly matchers: number
}

/** What it says on standard output. */
export type MatchingLine =
  | { readonly kind: 'ready'; readonly ports: Readonly<Record<string, number>> }
  | { readonly kind: 'occurrence'; readonly name: string; readonly detail?: unknown }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'stopped' }

const { source, hash, inputs, matchers, ...settings } = JSON.parse(argv[2]!) as MatchingSettings

const say = (line: MatchingLine): void => void stdout.write(`${JSON.stringify(line)}\n`)

const threads = startWorkerThreads(settings.threads, matchers)
const core = new CoreClient(threads, {
  report: ({ name, detail }) => {
    if (name.startsWith('core.') && name !== 'core.committed') {
      say({ kind: 'occurrence', name, ...(detail && { detail }) })
    }
  },
  fail: ({ message }) => say({ kind: 'failed', message }),
})

const epoch = await core.ready()
core.activate(source, hash)
const listening = await core.open(dealInputs(inputs, matchers), epoch)
say({ kind: 'ready', ports: Object.fromEntries(listening.map(({ name, port }) => [name, port])) })

stdin.resume().on('end', () => {
  void (async () => {
    await core.stopIntake()
    await core.stop()
    await threads.end()
    say({ kind: 'stopped' })
  })()
})
