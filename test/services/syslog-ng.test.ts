import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'

import { freePorts } from '../../examples/demo/free-ports.ts'
import { waitFor } from '../support/wait-for.ts'
import { needDebian, runs } from './debian.ts'
import { CHECKOUT_ERROR, CHECKOUT_TIMES, expectReadmeIncident } from './readme-incident.ts'

/** Not on everyone's path. */
const SYSLOG_NG = process.env['TOCSIN_SYSLOG_NG'] || '/usr/sbin/syslog-ng'

/** Debian keeps `graylog2()`, a block over `network()` and `format-gelf`, in a package of its own. */
const GRAYLOG2 = '/usr/share/syslog-ng/include/scl/graylog2/plugin.conf'

let folder: string
let daemon: ChildProcess | undefined

beforeAll(() =>
  needDebian({
    what: `syslog-ng with its graylog2() destination (${SYSLOG_NG}, ${GRAYLOG2})`,
    packages: ['syslog-ng-core', 'syslog-ng-scl'],
    isThere: () => existsSync(GRAYLOG2) && runs(SYSLOG_NG, '--version'),
    instead: 'set TOCSIN_SYSLOG_NG to the program',
  }),
)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-syslog-ng-'))
})
afterEach(async () => {
  if (daemon?.exitCode === null) {
    daemon.kill('SIGTERM')
    await once(daemon, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

it("syslog lines that syslog-ng passes on through graylog2() open the README's incident", async () => {
  const first = await expectReadmeIncident('gelf-tcp', async (port) => {
    const syslogPort = await startSyslogNg(port)
    await sendLines(
      syslogPort,
      Array.from({ length: CHECKOUT_TIMES }, (_, n) => syslogLine(n)),
    )
  })
  expect(first).toMatchObject({
    source: 'web-3',
    program: 'checkout',
    pid: 42,
    facility: 'local0',
    level: 3,
  })
})

/** A syslog line of BSD kind with name-value pairs, as many programs write them. */
function syslogLine(n: number): string {
  const pairs = Object.entries(CHECKOUT_ERROR).map(([name, value]) => `${name}=${value}`)
  // <131> is facility local0, severity error.
  return `<131>Jan  5 12:00:00 web-3 checkout[42]: ${pairs.join(' ')} attempt=${n}\n`
}

/** Runs syslog-ng in the foreground with files of its own; returns the port it takes lines on. */
async function startSyslogNg(gelfPort: number): Promise<number> {
  const { SYSLOG: port } = await freePorts({ SYSLOG: 15_514 })
  const config = join(folder, 'syslog-ng.conf')
  writeFileSync(
    config,
    `@version: current
@include "scl.conf"
options { keep-hostname(yes); };
source lines { network(ip("127.0.0.1") port(${port}) transport("tcp")); };
# graylog2() sends the names that begin with an underscore.
parser pairs { kv-parser(prefix("_")); };
destination tocsin { graylog2(host("127.0.0.1") port(${gelfPort}) transport(tcp)); };
log { source(lines); parser(pairs); destination(tocsin); };
`,
  )
  const own = (name: string): string => join(folder, name)
  const args = ['--foreground', '--no-caps', '--stderr', '--cfgfile', config]
  args.push('--persist-file', own('persist'), '--pidfile', own('pid'), '--control', own('ctl'))
  daemon = spawn(SYSLOG_NG, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  daemon.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await waitFor('syslog-ng to listen', async () => {
    if (daemon!.exitCode !== null) throw new Error(`syslog-ng ended: ${said}`)
    return (await isListening(Number(port))) ? true : undefined
  })
  return Number(port)
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => socket.destroy())
    socket.on('connect', () => socket.end())
  })
}

async function sendLines(port: number, lines: readonly string[]): Promise<void> {
  const socket = createConnection(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.end(lines.join(''))
  socket.resume()
  await once(socket, 'close')
}
