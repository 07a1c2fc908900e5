import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { rulesetHash } from '../../src/config/ruleset.ts'
import { gelfHttpSchema, gelfTcpSchema } from '../../src/ingest/gelf/settings.ts'
import { journalSchema } from '../../src/ingest/journal/settings.ts'
import { ManualClock } from '../../src/lib/manual-clock.ts'
import type { Occurrence } from '../../src/model/occurrence.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { CoreClient } from '../../src/threads/core-client.ts'
import type { FromCore } from '../../src/threads/messages.ts'
import { startOneThread } from '../../src/threads/one-thread.ts'
import type { ThreadSettings } from '../../src/threads/thread-settings.ts'
import { postGelf } from './gelf-send.ts'

/**
 * The service from its sockets to its database in the caller's thread, on a clock that is moved by
 * hand; without page, configuration and delivery. Its inputs: `web` (HTTP) and `syslog` (TCP).
 */
export class OneThreadService {
  readonly clock: ManualClock
  readonly occurrences: Occurrence[] = []
  readonly #source: RulesetSource
  readonly #core: CoreClient
  readonly #end: () => Promise<void>
  #commits = 0
  #ports: Readonly<Record<string, number>> = {}
  #syslog: Socket | undefined

  constructor(options: {
    readonly data: string
    readonly source: RulesetSource
    readonly startMs: number
  }) {
    this.clock = new ManualClock(options.startMs)
    this.#source = options.source
    const time = { clock: this.clock.now, timers: this.clock }
    const threads = startOneThread(settings(options.data), time)
    const { core } = threads
    const listen = (handler: (message: FromCore) => void): void =>
      core.listen((message) => {
        if (message.kind === 'committed') this.#commits++
        handler(message)
      })
    const report = (occurrence: Occurrence): void => void this.occurrences.push(occurrence)
    const fail = (error: Error): void => report({ name: 'service.failed', detail: { error } })
    this.#core = new CoreClient({ ...threads, core: { ...core, listen } }, { report, fail })
    this.#end = () => threads.end()
  }

  /** Resolves when it listens; `onReady` is called once the database is there and nothing else. */
  async start(onReady: () => void = () => undefined): Promise<void> {
    const epoch = await this.#core.ready()
    onReady()
    this.#core.activate(this.#source, rulesetHash(this.#source))
    const inputs = [
      gelfHttpSchema.parse({ name: 'web', type: 'gelf-http', listen: '127.0.0.1:0' }),
      gelfTcpSchema.parse({ name: 'syslog', type: 'gelf-tcp', listen: '127.0.0.1:0' }),
    ]
    const listening = await this.#core.open([inputs], epoch)
    this.#ports = Object.fromEntries(listening.map(({ name, port }) => [name, port]))
    await until(() => this.#commits > 0)
  }

  /** A second passes, with what the clock brings about. */
  async second(): Promise<void> {
    this.clock.advance(1_000)
    for (let round = 0; round < 8; round++) await nextRound()
  }

  /** Resolves when the records have been evaluated and committed. */
  async send(input: 'web' | 'syslog', records: readonly string[]): Promise<void> {
    const before = this.#commits
    if (input === 'web') {
      const status = await postGelf(this.#ports['web']!, records.join('\n'))
      if (status !== 202) throw new Error(`the input answered ${status}`)
    } else {
      this.#syslog ??= await connected(this.#ports['syslog']!)
      this.#syslog.write(records.map((record) => `${record}\0`).join(''))
    }
    await until(() => this.#commits > before)
  }

  /** Closes the connection of `syslog`; the next `send` opens another. */
  async cutOff(): Promise<void> {
    const socket = this.#syslog
    this.#syslog = undefined
    if (socket === undefined) return
    socket.end()
    await once(socket.resume(), 'close')
  }

  async stop(): Promise<void> {
    await this.cutOff()
    await this.#core.stopIntake()
    await this.#core.stop()
    await this.#end()
  }

  found(name: Occurrence['name']): Occurrence[] {
    return this.occurrences.filter((occurrence) => occurrence.name === name)
  }
}

function settings(data: string): ThreadSettings {
  const procedure = { critical: 'full', high: 'full', medium: 'light', low: 'record' } as const
  return {
    data,
    journal: journalSchema.parse({}),
    routing: {
      receivers: [],
      procedure: { ...procedure, info: 'record' },
      baseUrl: 'https://tocsin.example.org',
      graylogUrl: null,
    },
    selfKey: '00'.repeat(32),
    owner: 'test',
    env: {},
  }
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextRound()
}
