import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { needDebian, runs } from './debian.ts'
import { mavenJars, run } from './maven-jars.ts'
import { portsBelowEphemeral } from './stable-ports.ts'

const VERSION = '3.3.11'
const PASSWORD = 'admin'
const INSTEAD =
  'set TOCSIN_GRAYLOG to the address of a Graylog, such as http://admin:admin@127.0.0.1:9000'

/** Starts of Java on a loaded machine are slow; longer than this nothing comes any more. */
const START_MS = 300_000

/**
 * A real Graylog on loopback: 3.3.11 is the newest that is whole on Maven Central, and what it sends
 * is field for field what 7.0.1 sends. Beside it run an Elasticsearch node and a stand-in for MongoDB
 * in memory, so every start begins empty. A Graylog of one's own is preferred where `TOCSIN_GRAYLOG`
 * names its address with user and password; it is not stopped.
 */
export class GraylogServer {
  /** Address of the API, without user. */
  readonly url: string
  /** `Authorization` of its administrator. */
  readonly authorization: string
  readonly #folder: string | undefined
  readonly #processes: readonly ChildProcess[]

  private constructor(address: URL, folder?: string, processes: readonly ChildProcess[] = []) {
    const { username, password } = address
    this.authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    this.url = `${address.protocol}//${address.host}`
    this.#folder = folder
    this.#processes = processes
  }

  /** Throws with what to do when it cannot be had. */
  static async start(): Promise<GraylogServer> {
    const given = process.env['TOCSIN_GRAYLOG']
    if (given) return new GraylogServer(new URL(given))
    needDebian({
      what: 'a Java development kit',
      packages: ['openjdk-17-jdk-headless'],
      isThere: () => runs('javac', '-version'),
      instead: INSTEAD,
    })
    const jars = await graylogJars()
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-graylog-'))
    const processes: ChildProcess[] = []
    const killAll = () => {
      for (const child of processes) child.kill('SIGKILL')
    }
    process.once('exit', killAll)
    try {
      const [api, search, transport, mongo] = await portsBelowEphemeral(4)
      const start = (name: string, args: readonly string[]) => {
        const child = java(folder, name, args)
        processes.push(child)
        return child
      }
      const ports = { api: api!, search: search!, mongo: mongo! }
      const mongoNode = start('mongo', ['-Xmx256m', '-cp', jars.mongo, 'MongoStandIn', `${mongo}`])
      const searchNode = start('search', [
        ...OPENS,
        '-Xms512m',
        '-Xmx512m',
        '-cp',
        jars.search,
        'SearchNode',
        join(folder, 'search'),
        `${search}`,
        `${transport}`,
      ])
      await says(folder, 'mongo', mongoNode, /^READY$/m)
      await says(folder, 'search', searchNode, /READY$/m)
      writeFileSync(join(folder, 'graylog.conf'), configuration(folder, ports))
      const server = start('graylog', [
        ...OPENS,
        '-Xms512m',
        '-Xmx1g',
        '-cp',
        jars.graylog,
        'org.graylog2.bootstrap.Main',
        'server',
        '-f',
        join(folder, 'graylog.conf'),
        '-p',
        join(folder, 'graylog.pid'),
      ])
      await says(folder, 'graylog', server, /Graylog server up and running/)
      const address = new URL(`http://admin:${PASSWORD}@127.0.0.1:${api}`)
      return new GraylogServer(address, folder, processes)
    } catch (error) {
      killAll()
      throw error
    }
  }

  /** One call of its API; the parsed answer. Throws with what it said when it is no success. */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}/api${path}`, {
      method,
      headers: {
        authorization: this.authorization,
        accept: 'application/json',
        'x-requested-by': 'tocsin-tests',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** What it logged so far. */
  log(): string {
    return this.#folder === undefined ? '' : readFileSync(join(this.#folder, 'graylog.log'), 'utf8')
  }

  async stop(): Promise<void> {
    for (const child of this.#processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      // Nothing of it is needed again, and a clean end takes Graylog half a minute.
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true })
  }
}

interface ClassPaths {
  readonly graylog: string
  readonly search: string
  readonly mongo: string
}

async function graylogJars(): Promise<ClassPaths> {
  const need = (what: string, folder: string, ...coordinates: string[]) =>
    mavenJars({ what, folder, coordinates, instead: INSTEAD })
  const graylog = await need(
    'Graylog',
    `graylog-${VERSION}`,
    `org.graylog2:graylog2-server:${VERSION}`,
  )
  const search = await need(
    'Elasticsearch',
    'elasticsearch-6.8.9.0',
    'org.codelibs:elasticsearch-cluster-runner:6.8.9.0',
  )
  const mongo = await need(
    'the stand-in for MongoDB',
    'mongo-java-server-1.47.0',
    'de.bwaldvogel:mongo-java-server:1.47.0',
    'org.slf4j:slf4j-nop:2.0.13',
  )
  return {
    // Its own jar first: another one has a version.properties, too.
    graylog: [join(graylog, `graylog2-server-${VERSION}.jar`), join(graylog, '*')].join(':'),
    search: [await compiled('SearchNode', search), join(search, '*')].join(':'),
    mongo: [await compiled('MongoStandIn', mongo), join(mongo, '*')].join(':'),
  }
}

/** The folder with the class of one of our Java files, compiled against those jars. */
async function compiled(name: string, jars: string): Promise<string> {
  const source = join(import.meta.dirname, 'graylog', `${name}.java`)
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const classes = join(jars, '..', `classes-${hash}`)
  if (existsSync(join(classes, `${name}.class`))) return classes
  mkdirSync(classes, { recursive: true })
  const args = ['-nowarn', '-d', classes, '-cp', join(jars, '*'), source]
  const { status, said } = await run('javac', args)
  if (status !== 0) throw new Error(`${name}.java does not compile: ${said}`)
  return classes
}

/** What old libraries reach into on Java 17. */
const OPENS = [
  'lang',
  'lang.reflect',
  'util',
  'util.concurrent',
  'io',
  'net',
  'text',
  'time',
  'math',
].flatMap((name) => ['--add-opens', `java.base/java.${name}=ALL-UNNAMED`])

function java(folder: string, name: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(folder, `${name}.log`), 'a')
  const child = spawn('java', args, { cwd: folder, stdio: ['ignore', log, log] })
  closeSync(log)
  return child
}

async function says(
  folder: string,
  name: string,
  child: ChildProcess,
  what: RegExp,
): Promise<void> {
  const endMs = Date.now() + START_MS
  const log = () => readFileSync(join(folder, `${name}.log`), 'utf8')
  while (!what.test(log())) {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${log().slice(-2_000)}`)
    if (Date.now() > endMs) throw new Error(`${name} did not start: ${log().slice(-2_000)}`)
    await new Promise((resolve) => void setTimeout(resolve, 250))
  }
}

function configuration(
  folder: string,
  ports: { api: number; search: number; mongo: number },
): string {
  const sha256 = createHash('sha256').update(PASSWORD).digest('hex')
  const path = (name: string) => {
    mkdirSync(join(folder, name), { recursive: true })
    return join(folder, name)
  }
  return `
is_master = true
node_id_file = ${join(folder, 'node-id')}
password_secret = only-a-test-on-loopback-only-a-test-on-loopback-only-a-test-0000
root_password_sha2 = ${sha256}
bin_dir = ${path('bin')}
data_dir = ${path('data')}
plugin_dir = ${path('plugin')}
message_journal_dir = ${path('journal')}
message_journal_max_size = 512mb
http_bind_address = 127.0.0.1:${ports.api}
elasticsearch_hosts = http://127.0.0.1:${ports.search}
mongodb_uri = mongodb://127.0.0.1:${ports.mongo}/graylog
allow_leading_wildcard_searches = false
ring_size = 4096
inputbuffer_ring_size = 4096
processbuffer_processors = 1
outputbuffer_processors = 1
inputbuffer_processors = 1
output_flush_interval = 1
versionchecks = false
`
}
