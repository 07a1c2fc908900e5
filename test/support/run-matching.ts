import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { rulesetHash } from '../../src/config/ruleset.ts'
import { DEFAULT_POLICY } from '../../src/incidents/policy.ts'
import { gelfTcpSchema } from '../../src/ingest/gelf/settings.ts'
import { journalSchema } from '../../src/ingest/journal/settings.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import type { MatchingLine, MatchingSettings } from './matching-process.ts'

/** All inputs of `source` listen for GELF over TCP. */
export function matchingSettings(of: {
  readonly data: string
  readonly source: RulesetSource
  readonly matchers: number
}): MatchingSettings {
  const { data, source, matchers } = of
  const listen = { type: 'gelf-tcp', listen: '127.0.0.1:0' } as const
  return {
    threads: {
      data,
      journal: journalSchema.parse({}),
      routing: {
        receivers: [],
        procedure: DEFAULT_POLICY.procedures,
        baseUrl: 'https://tocsin.example.org',
        graylogUrl: null,
      },
      selfKey: '00'.repeat(32),
      owner: `matching process with ${matchers} matchers`,
      env: {},
    },
    source,
    hash: rulesetHash(source),
    inputs: Object.keys(source.inputs).map((name) => gelfTcpSchema.parse({ name, ...listen })),
    matchers,
  }
}

const CHILD = join(import.meta.dirname, 'matching-process.ts')

/** A process of `matching-process.ts`, with a connection to each of its inputs once it listens. */
export class Matching {
  /** What it said so far. */
  readonly lines: MatchingLine[] = []
  readonly #child
  readonly #closed: Promise<unknown>
  readonly #ready = Promise.withResolvers<void>()
  readonly #sockets = new Map<string, Socket>()

  constructor(settings: MatchingSettings, env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [CHILD, JSON.stringify(settings)], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#closed = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as MatchingLine
      this.lines.push(line)
      if (line.kind === 'ready') void this.#connect(line.ports).then(this.#ready.resolve)
      else if (line.kind === 'failed') this.#ready.reject(new Error(line.message))
    })
    void this.#closed.then(() => this.#ready.reject(new Error('it ended before it was ready')))
    // Whoever kills it before may not want to know.
    this.#ready.promise.catch(() => undefined)
  }

  /** Resolves when every input is connected. */
  ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Hands bytes to an input's connection as they are. Resolves when the kernel has room for more. */
  async write(input: string, bytes: Uint8Array): Promise<void> {
    const socket = this.#sockets.get(input)
    if (socket === undefined) throw new Error(`there is no input ${input}`)
    if (!socket.write(bytes)) await once(socket, 'drain')
  }

  /** `kill -9`; resolves when nothing of it is left. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  /** As on SIGTERM: everything that was sent is evaluated and committed. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#sockets.values()].map(async (socket) => {
        socket.end()
        await once(socket.resume(), 'close')
      }),
    )
    this.#child.stdin.end()
    await this.#closed
  }

  async #connect(ports: Readonly<Record<string, number>>): Promise<void> {
    await Promise.all(
      Object.entries(ports).map(async ([input, port]) => {
        const socket = connect({ port, host: '127.0.0.1', noDelay: true })
        // It is killed in the middle of everything.
        socket.on('error', () => undefined)
        await once(socket, 'connect')
        this.#sockets.set(input, socket)
      }),
    )
  }
}
