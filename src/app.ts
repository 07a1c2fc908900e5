/**
 * The composition root: the only place that joins adapters to the core. `createApp(options)` gives
 * `start` and `stop`; what is opened registers its undo at once, so a start that fails half-way
 * leaves nothing behind.
 */
import type { AppAddresses, AppOptions } from './app-options.ts'
import { Activation } from './activation.ts'
import { createEgress } from './alerting/egress.ts'
import { createSender } from './alerting/sender.ts'
import { CoreClient } from './threads/core-client.ts'
import { readConfigured } from './configured.ts'
import type { Configured } from './configured.ts'
import { createHttpServer } from './http/server.ts'
import { accessSettings } from './http/settings.ts'
import { takenAddresses } from './free-addresses.ts'
import { counted } from './cli/counted.ts'
import { CleanUps } from './lib/clean-ups.ts'
import { ProblemError } from './model/problem.ts'
import { Reload } from './reload.ts'
import { gitOrigin, gitRunner } from './git-origin.ts'
import { ruleViews } from './rule-views.ts'
import { selfKey } from './threads/self-key.ts'
import { sloFigures } from './slo-figures.ts'
import { sloReport } from './slo/report.ts'
import { openSqliteReaders } from './store/sqlite/readers.ts'
import { openTelemetry } from './telemetry/open.ts'
import type { CoreStats } from './model/stats.ts'
import type { SloFigures } from './telemetry/slo-exposition.ts'
import { sloExposition } from './telemetry/slo-exposition.ts'
import { startTracing, stopTracing } from './telemetry/tracing.ts'
import { startOneThread } from './threads/one-thread.ts'
import { databaseFile } from './threads/thread-settings.ts'
import type { ThreadSettings } from './threads/thread-settings.ts'
import { dealInputs } from './threads/threads.ts'
import { startWorkerThreads } from './threads/worker-threads.ts'
import { routingOf } from './routing.ts'

export interface App {
  /** Throws a `ProblemError` for a configuration that must not run, or what could not be opened. */
  start(): Promise<AppAddresses>
  /** Stops accepting, commits what has arrived, ends attempts under way, closes everything. */
  stop(): Promise<void>
  /** Reads configuration and rules again and swaps them in, or refuses them whole (I8). */
  reload(): void
  /** Resolves with the reason when the service cannot go on by itself (fenced, broken promise). */
  readonly failed: Promise<Error>
}

export function createApp(options: AppOptions): App {
  const cleanUps = new CleanUps()
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>()
  let reload: Reload | undefined
  return {
    failed,
    reload: () => reload?.now(),
    stop: () => cleanUps.run(),
    async start() {
      try {
        const { configured, problems } = readConfigured(options.configFile, options.env)
        if (configured === undefined) throw new ProblemError(problems)
        const taken = await takenAddresses(configured.config)
        if (taken.length > 0) throw new ProblemError(taken)
        const started = await open(options, configured, cleanUps, fail)
        reload = started.reload
        return started.addresses
      } catch (error) {
        await cleanUps.run()
        throw error
      }
    },
  }
}

async function open(
  options: AppOptions,
  configured: Configured,
  cleanUps: CleanUps,
  fail: (error: Error) => void,
): Promise<{ readonly addresses: AppAddresses; readonly reload: Reload }> {
  const { env, clock, timers, version } = options
  const { config, data } = configured
  const key = selfKey(data)

  const telemetry = openTelemetry({ ...options, settings: config.telemetry, selfKey: key })
  const { report } = telemetry
  cleanUps.add('telemetry', () => {
    telemetry.close()
    report({ name: 'service.stopped' })
  })
  report({ name: 'service.started', detail: { version, config: options.configFile } })

  const tracing = await startTracing(env, report)
  cleanUps.add('tracing', () => stopTracing(tracing, timers))

  const settings: ThreadSettings = {
    data,
    journal: config.journal,
    routing: routingOf(config),
    selfKey: key.toString('hex'),
    owner: options.owner,
    env: tracingEnv(env),
  }
  const threads =
    options.threads === 'workers'
      ? startWorkerThreads(settings, INTAKE_THREADS)
      : startOneThread(settings, options)
  cleanUps.add('threads', () => threads.end())

  const core = new CoreClient(threads, { report, fail })
  cleanUps.add('core', () => core.stop())
  const epoch = await core.ready()

  const readers = openSqliteReaders({ file: databaseFile(settings) })
  cleanUps.add('readers', readers.close)

  const sender = createSender({
    reader: readers.outbox,
    receivers: config.receivers,
    egress: createEgress({ timers }),
    clock,
    timers,
    random: options.random,
    report,
    attempted: (attempt) => core.attempted(attempt),
    stopGraceMs: STOP_GRACE_MS,
    span: tracing.span,
  })
  cleanUps.add('sender', () => sender.stop())
  core.onDeliveries(() => sender.wake())

  const activation = new Activation({
    originOf: (paths) => gitOrigin(paths, gitRunner(env)),
    activate: ({ source, ruleset }, origin) => core.activate(source, ruleset.hash, origin),
    timers,
  })
  cleanUps.add('activation', () => activation.stop())
  const reload = new Reload({
    options,
    initial: configured,
    report,
    swap(next) {
      void activation.add(next)
      core.route(routingOf(next.config))
      sender.replaceReceivers(next.config.receivers)
    },
  })
  cleanUps.add('reload', () => reload.stop())

  let notReady: string | undefined = 'the inputs are not open yet'
  const figures = async (): Promise<SloFigures[]> => {
    const reports = await sloReport(reload.current.objectives, readers.slo, clock())
    return reports.map(sloFigures)
  }
  telemetry.registerMetrics({
    stats: () => core.stats,
    config: () => reload.status,
    incidents: () => readers.readModel.counts(),
    outbox: () => readers.outbox.backlog(),
    version,
  })
  const http = createHttpServer({
    ...accessSettings(config.http),
    readModel: readers.readModel,
    command: (request) => core.command(request),
    confirm: (request) => core.confirm(request),
    stats: () => core.stats,
    rules: () => ruleViews(reload.current, reload.warnings),
    ruleset: () => core.active,
    problems: () => reload.problems,
    slo: figures,
    metrics: () => telemetry.metrics(),
    sloMetrics: async () => sloExposition(await figures()),
    ready: () => ({
      ready: notReady === undefined,
      reasons: notReady ? [notReady] : [],
      warnings: warningsOf(core.stats),
    }),
    report,
    clock,
    timers,
    newId: () => crypto.randomUUID(),
    version,
  })
  const address = await http.start()
  cleanUps.add('http', () => http.stop())

  await activation.add(configured)
  const inputs = await core.open(dealInputs(config.inputs, threads.intakes.length), epoch)
  cleanUps.add('intake', () => core.stopIntake())
  sender.wake()
  reload.start()
  notReady = undefined
  cleanUps.add('readiness', () => {
    notReady = 'the service is stopping'
    report({ name: 'service.stopping' })
  })
  report({ name: 'service.ready', detail: { http: address, inputs } })
  return { addresses: { http: address, inputs }, reload }
}

/** What probes are told although the service is ready. */
function warningsOf(stats: CoreStats | undefined): string[] {
  const rules = (stats?.rules ?? []).filter(({ unverified }) => unverified !== undefined)
  return rules.length === 0 ? [] : [`${counted(rules.length, 'rule')} may be wrong: unverified`]
}

/** For webhooks under way: one that is cut is sent again after the restart, under the same id. */
const STOP_GRACE_MS = 3_000

/** One thread receives and matches; another core is left for core, journal and main. */
const INTAKE_THREADS = 1

/** What the core's own tracing needs to know; nothing else of the environment travels. */
function tracingEnv(env: AppOptions['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('OTEL_')))
}
