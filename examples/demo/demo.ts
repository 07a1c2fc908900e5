/**
 * The demo: the real service on the embedded store with `examples/`, real GELF sockets, and a
 * receiver that verifies every signature. Twenty minutes of traffic are sent in some twenty
 * seconds with the times they would have had, so incidents open and clear before your eyes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createApp } from '../../src/app.ts'
import type { App } from '../../src/app.ts'
import type { AppAddresses } from '../../src/app-options.ts'
import type { CliIo } from '../../src/cli/io.ts'
import type { Runtime } from '../../src/cli/runtime.ts'
import { systemClock, systemTimers } from '../../src/system-clock.ts'
import { createReceiver } from '../receiver.ts'
import type { WebhookEvent } from '../receiver.ts'
import { freePorts } from './free-ports.ts'
import { play } from './play.ts'

const SECRET = 'whsec_dG9jc2luLWRlbW8tc2VjcmV0LW5vdC1mb3ItdXNl'
const TOKEN = 'demo-token-for-the-loopback-only-000000'
/** How long the last webhooks may take after the last log line. */
const PATIENCE_MS = 30_000
/** What the story must bring: each of them opens and clears. */
const EXPECTED = [
  ['Checkout answers with server errors', 'eu'],
  ['Many failed SSH logons from one address', '203.0.113.9'],
] as const

/** Runs the demo; resolves with the exit code. `once`: ends by itself when the story is told. */
export async function runDemo(io: CliIo, runtime: Runtime, once: boolean): Promise<number> {
  const data = mkdtempSync(join(tmpdir(), 'tocsin-demo-'))
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) runtime.onSignal(signal, () => stop.abort())
  const seen: WebhookEvent[] = []
  let rejected = 0
  const receiver = createReceiver({
    secrets: [SECRET],
    onEvent(event) {
      seen.push(event)
      runtime.status('')
      io.out(describe(event))
    },
    onRejected: () => rejected++,
  })
  const log: string[] = []
  let app: App | undefined
  try {
    app = await demoApp({ data, receiver, runtime, log })
    const addresses = await app.start()
    void app.failed.then(() => stop.abort())
    const base = introduce(addresses, io)
    const portOf = (name: string): number =>
      addresses.inputs.find((input) => input.name === name)?.port ?? 0
    const ports = { payments: portOf('payments'), bastion: portOf('bastion') }
    const sent = await play({ ports, runtime, io, signal: stop.signal })
    const missing = await waitForStory(seen, { runtime, signal: stop.signal })
    io.out('')
    io.out(`${sent} log lines sent, ${seen.length} webhooks verified, ${rejected} rejected`)
    if (!stop.signal.aborted) {
      for (const [title, group] of missing)
        io.out(`missing: "${title}" of ${group} did not open and clear`)
    }
    if (once) return missing.length + rejected === 0 ? 0 : 1
    io.out(`Look around at ${base}/ and press Ctrl-C to end.`)
    await aborted(stop.signal)
    return 0
  } catch (error) {
    for (const line of log.slice(-20)) io.err(line.trimEnd())
    io.err(`the demo failed: ${(error as Error).message}`)
    return 1
  } finally {
    if (app !== undefined) await Promise.race([app.stop(), runtime.deadline(10_000)])
    receiver.closeAllConnections()
    receiver.close()
    rmSync(data, { recursive: true, force: true })
  }
}

async function demoApp(options: {
  readonly data: string
  readonly receiver: Server
  readonly runtime: Runtime
  /** The last log lines, shown when something fails. */
  readonly log: string[]
}): Promise<App> {
  const { data, receiver, runtime, log } = options
  await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve))
  const ports = await freePorts({
    TOCSIN_HTTP_PORT: 8_080,
    TOCSIN_PAYMENTS_PORT: 12_201,
    TOCSIN_BASTION_PORT: 12_202,
  })
  return createApp({
    configFile: join(import.meta.dirname, '..', 'tocsin.yaml'),
    env: {
      ...ports,
      TOCSIN_DATA: data,
      TOCSIN_RECEIVER_PORT: String((receiver.address() as AddressInfo).port),
      TOCSIN_WEBHOOK_SECRET: SECRET,
      TOCSIN_DEMO_TOKEN: TOKEN,
    },
    clock: systemClock,
    timers: systemTimers,
    random: Math.random,
    threads: 'workers',
    log: {
      write(line) {
        log.push(line)
        if (log.length > 1_000) log.shift()
      },
    },
    owner: runtime.owner,
    version: runtime.version,
  })
}

/** Says where everything is; returns the base address. */
function introduce({ http, inputs }: AppAddresses, io: CliIo): string {
  const base = `http://${http.host}:${http.port}`
  for (const { name, host, port } of inputs) io.out(`input ${name} listens on ${host}:${port}`)
  io.out(`page       ${base}/`)
  io.out(`incidents  curl -H 'Authorization: Bearer ${TOKEN}' ${base}/api/v1/incidents`)
  io.out(`metrics    ${base}/metrics and ${base}/metrics/slo`)
  io.out('')
  return base
}

function describe({ type, time, severitytext, data: { incident } }: WebhookEvent): string {
  const group = Object.values(incident.group).join(', ')
  const what = type.replace('incident.', '')
  return `${time.slice(11, 19)}  #${incident.number}  ${severitytext}  ${what}  ${incident.title} (${group})`
}

/** Waits until every expected incident has opened and cleared; returns those that have not. */
async function waitForStory(
  seen: readonly WebhookEvent[],
  { runtime, signal }: { readonly runtime: Runtime; readonly signal: AbortSignal },
): Promise<readonly (typeof EXPECTED)[number][]> {
  const open = (): readonly (typeof EXPECTED)[number][] =>
    EXPECTED.filter(([title, group]) => {
      const types = seen
        .filter(
          ({ data: { incident } }) =>
            incident.title === title && Object.values(incident.group)[0] === group,
        )
        .map(({ type }) => type)
      return (
        !types.includes('incident.identification.started') ||
        !types.includes('incident.signals_cleared')
      )
    })
  for (
    let waitedMs = 0;
    waitedMs < PATIENCE_MS && open().length > 0 && !signal.aborted;
    waitedMs += 100
  ) {
    await runtime.sleep(100)
  }
  return open()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
