import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { kafkaJars } from './kafka-jars.ts'
import type { KafkaVersion } from './kafka-jars.ts'
import { KAFKA_USER, LISTENERS, serverProperties } from './kafka-properties.ts'
import type { ClientListener } from './kafka-properties.ts'
import { makeCertificates } from './test-certificates.ts'
import type { TestCertificates } from './test-certificates.ts'
import { portsBelowEphemeral } from './stable-ports.ts'

/** `host:port` of every broker, by listener. */
type Addresses = Readonly<Record<ClientListener, readonly string[]>>

export interface KafkaOptions {
  readonly version: KafkaVersion
  /** Three for leader moves. Default 1. */
  readonly brokers?: 1 | 3
  /** Further lines of `server.properties`; a later line wins. */
  readonly properties?: readonly string[]
}

/** What a cluster that runs already tells of itself; the file that `TOCSIN_KAFKA_…` names. */
interface Known {
  readonly addresses: Addresses
  readonly certificates: TestCertificates
}

/** A start on a loaded machine takes 20 s; longer than this it will not come. */
const START_MS = 120_000

/**
 * Real Kafka on loopback, KRaft, from Maven Central's jars; every broker is controller too and has a
 * listener for each way of security ({@link LISTENERS}). Nothing here blocks the event loop, since
 * the consumer under test lives in it. Ports lie below the range of outgoing connections and stay
 * the same over restarts, or a broker that is down could lose its own.
 *
 * A cluster of one's own is preferred where `TOCSIN_KAFKA_3_9_2` or `TOCSIN_KAFKA_4_4_0` names a
 * JSON file `{ addresses: { PLAINTEXT: ["host:port"], … }, certificates: { ca, clientCertificate,
 * clientKey } }`; it cannot be stopped, and tests that need that start one.
 */
export class KafkaBroker {
  readonly version: KafkaVersion
  readonly addresses: Addresses
  readonly certificates: TestCertificates
  readonly #folder: string | undefined
  readonly #jars: string
  readonly #heap: string
  readonly #processes = new Map<number, ChildProcess>()
  readonly #killAll = () => {
    for (const child of this.#processes.values()) child.kill('SIGKILL')
  }

  private constructor(
    version: KafkaVersion,
    known: Known,
    own: { readonly folder: string; readonly jars: string; readonly heap: string } | undefined,
  ) {
    this.version = version
    this.addresses = known.addresses
    this.certificates = known.certificates
    this.#folder = own?.folder
    this.#jars = own?.jars ?? ''
    this.#heap = own?.heap ?? ''
  }

  /** A cluster for reading and writing, which the environment may have given. */
  static async start(options: KafkaOptions): Promise<KafkaBroker> {
    const name = `TOCSIN_KAFKA_${options.version.replaceAll('.', '_')}`
    const file = process.env[name]
    if (!file) return await KafkaBroker.startOwn(options)
    const known = JSON.parse(readFileSync(file, 'utf8')) as Known
    return new KafkaBroker(options.version, known, undefined)
  }

  /** A cluster that may be stopped, killed and frozen. */
  static async startOwn(options: KafkaOptions): Promise<KafkaBroker> {
    const { version, brokers = 1, properties = [] } = options
    const jars = await kafkaJars(version)
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-kafka-'))
    const certificatesFolder = join(folder, 'certificates')
    mkdirSync(certificatesFolder)
    const certificates = makeCertificates(certificatesFolder)
    const free = await portsBelowEphemeral(brokers * LISTENERS.length)
    const ports = Array.from({ length: brokers }, (_, i) =>
      free.slice(i * LISTENERS.length, (i + 1) * LISTENERS.length),
    )
    const addresses = Object.fromEntries(
      LISTENERS.map((listener, i) => [listener, ports.map((own) => `127.0.0.1:${own[i]}`)]),
    ) as unknown as Addresses
    const heap = brokers === 1 ? '512m' : '400m'
    const cluster = new KafkaBroker(version, { addresses, certificates }, { folder, jars, heap })
    process.once('exit', cluster.#killAll)
    try {
      const clusterId = randomBytes(16).toString('base64url')
      await Promise.all(
        ports.map(async (_own, i) => {
          const id = i + 1
          const dataFolder = join(folder, String(id), 'data')
          mkdirSync(dataFolder, { recursive: true })
          const node = { id, ports, dataFolder, certificatesFolder, extra: properties }
          writeFileSync(cluster.#propertiesOf(id), serverProperties(node))
          await cluster.#format(id, clusterId)
        }),
      )
      await Promise.all(cluster.ids.map((id) => cluster.up(id)))
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  /** Numbers of the brokers, from 1. */
  get ids(): readonly number[] {
    return this.addresses.PLAINTEXT.map((_address, i) => i + 1)
  }

  /** Starts a broker that is down, with the data and ports it had; resolves when it listens. */
  async up(id: number): Promise<void> {
    if (this.#processes.has(id)) throw new Error(`broker ${id} is up already`)
    const log = openSync(this.logOf(id), 'a')
    const child = spawn('java', this.#java(this.#heap, 'kafka.Kafka', [this.#propertiesOf(id)]), {
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#processes.set(id, child)
    child.once('exit', () => this.#processes.delete(id))
    const [host, port] = this.addresses.PLAINTEXT[id - 1]!.split(':')
    const deadline = Date.now() + START_MS
    while (!(await listens(host!, Number(port)))) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL')
        const tail = readFileSync(this.logOf(id), 'utf8').slice(-2_000)
        throw new Error(`Kafka ${this.version}: broker ${id} did not start. Its log ends: ${tail}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /** Ends a broker in order: it hands its partitions over first. */
  async stop(id: number): Promise<void> {
    await this.#end(id, 'SIGTERM')
  }

  /** `kill -9`: nothing is handed over. */
  async kill(id: number): Promise<void> {
    await this.#end(id, 'SIGKILL')
  }

  /** The broker hangs with its connections open, until `thaw`. */
  freeze(id: number): void {
    this.#running(id).kill('SIGSTOP')
  }

  thaw(id: number): void {
    this.#running(id).kill('SIGCONT')
  }

  /** Where a broker writes its log. */
  logOf(id: number): string {
    return join(this.#own(), String(id), 'log')
  }

  /** Ends every broker and removes their data; does nothing to a cluster that was given. */
  async close(): Promise<void> {
    if (this.#folder === undefined) return
    await Promise.all([...this.#processes.keys()].map((id) => this.kill(id)))
    process.off('exit', this.#killAll)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #format(id: number, clusterId: string): Promise<void> {
    const { username, password } = KAFKA_USER
    const scram = ['256', '512'].flatMap((bits) => [
      '--add-scram',
      `SCRAM-SHA-${bits}=[name=${username},password=${password}]`,
    ])
    const args = ['format', '-t', clusterId, '-c', this.#propertiesOf(id), ...scram]
    await runJava(this.#java('256m', 'kafka.tools.StorageTool', args), '')
  }

  #java(heap: string, main: string, args: readonly string[]): string[] {
    return javaArguments({ jars: this.#jars, heap, main, args })
  }

  async #end(id: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#running(id)
    const ended = once(child, 'exit')
    child.kill(signal)
    // A frozen one would never hear of it.
    child.kill('SIGCONT')
    const hardly = setTimeout(() => child.kill('SIGKILL'), START_MS / 2)
    await ended
    clearTimeout(hardly)
  }

  #running(id: number): ChildProcess {
    const child = this.#processes.get(id)
    if (child === undefined) throw new Error(`broker ${id} is not up, or not ours`)
    return child
  }

  #propertiesOf(id: number): string {
    return join(this.#own(), String(id), 'server.properties')
  }

  #own(): string {
    if (this.#folder === undefined) throw new Error('this cluster was given, and is not ours')
    return this.#folder
  }
}

/**
 * Runs Kafka's console producer, a Java client of its own, of the 3.9 line (its newer one is not
 * served by Maven Central; it writes to 4.x as well). Each line becomes a record.
 */
export async function consoleProducer(
  options: { readonly brokers: string; readonly topic: string; readonly compression: string },
  lines: readonly string[],
): Promise<void> {
  const jars = await kafkaJars('3.9.2')
  const { brokers, topic, compression } = options
  const args = ['--bootstrap-server', brokers, '--topic', topic, '--compression-codec', compression]
  const main = 'kafka.tools.ConsoleProducer'
  await runJava(javaArguments({ jars, heap: '256m', main, args }), `${lines.join('\n')}\n`)
}

function javaArguments(run: {
  readonly jars: string
  readonly heap: string
  readonly main: string
  readonly args: readonly string[]
}): string[] {
  const { jars, heap, main, args } = run
  const jvm = [`-Xmx${heap}`, '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']
  return [...jvm, '-cp', `${jars}/*`, main, ...args]
}

/** Runs a short Java program to its end; throws with what it said when it ended badly. */
async function runJava(args: readonly string[], input: string): Promise<void> {
  const child = spawn('java', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  const hear = (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000))
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.stdin.end(input)
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0)
    throw new Error(`java ${args.slice(-6).join(' ')} ended with ${status}: ${said}`)
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
