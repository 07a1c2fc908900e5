import type { AddressInfo } from 'node:net'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import type { App } from './app.ts'
import { guardRoutes } from './authentication.ts'
import { failureHandler, sendProblem } from './failures.ts'
import { HttpProblem } from './http-problem.ts'
import { InputRates } from './input-rates.ts'
import { answerMalformed } from './malformed-requests.ts'
import { openApiRoute, registerOpenApi } from './openapi.ts'
import type { HttpOptions } from './options.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { episodeRoutes } from './routes/episodes.ts'
import { gapRoutes } from './routes/gaps.ts'
import { healthRoutes } from './routes/health.ts'
import { incidentCommandRoutes, incidentRoutes } from './routes/incidents.ts'
import { inputRoutes } from './routes/inputs.ts'
import { metricsRoutes } from './routes/metrics.ts'
import { pageRoutes } from './routes/page.ts'
import { ruleRoutes } from './routes/rules.ts'
import { sloRoutes } from './routes/slo.ts'
import { BARE_HEADERS, HELMET } from './security-headers.ts'
import { answerUnknown, rememberRoutes } from './unknown-routes.ts'

/** Per client address; probes and scrapes are not counted. */
const REQUESTS_PER_MINUTE = 600
/** A probe, a scraper, some people with a page open: more is somebody who means no good. */
const CONNECTIONS_MAX = 1_000
const BODY_MAX = 64 * 1_024
const STOP_GRACE_MS = 1_000

export interface HttpServer {
  /** Opens the port; the answer tells which, when 0 was asked for. */
  start(): Promise<{ readonly host: string; readonly port: number }>
  /** Answers what is under way, for a moment, then closes. */
  stop(): Promise<void>
  /** The server with all its routes, not listening: for tests and for the OpenAPI document. */
  build(): Promise<App>
}

/** API, page, metrics and health of one process (design §9). */
export function createHttpServer(options: HttpOptions): HttpServer {
  let building: Promise<App> | undefined
  const build = (): Promise<App> => (building ??= buildApp(options))
  return {
    build,
    async start() {
      const app = await build()
      const { host, port } = options.listen
      await app.listen({ host, port })
      const address = app.server.address() as AddressInfo
      return { host: address.address, port: address.port }
    },
    async stop() {
      const app = await building
      if (app === undefined) return
      // A request that does not come to its end must not hold up a restart.
      const cancel = options.timers.after(STOP_GRACE_MS, () => app.server.closeAllConnections())
      await app.close()
      cancel()
    },
  }
}

async function buildApp(options: HttpOptions): Promise<App> {
  const app: App = fastify({
    bodyLimit: BODY_MAX,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    genReqId: options.newId,
    http: { headersTimeout: 10_000, maxHeaderSize: 16_384 },
    clientErrorHandler: answerMalformed,
    routerOptions: { maxParamLength: 128 },
    frameworkErrors: (error, request, reply) => {
      void reply.headers(BARE_HEADERS)
      sendProblem(reply, new HttpProblem('bad-request', error.message), request.id)
    },
  }).withTypeProvider<ZodTypeProvider>()
  app.server.maxConnections = CONNECTIONS_MAX
  app.server.on('drop', () => {
    options.report({ name: 'http.denied', labels: { reason: 'too-many-connections' } })
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler(failureHandler(options.report))
  const routes = rememberRoutes(app)
  app.addHook('onSend', async (_, reply) => {
    void reply.header('cache-control', reply.getHeader('cache-control') ?? 'no-store')
  })
  await app.register(helmet, HELMET)
  await limitRequests(app)
  guardRoutes(app, options)
  app.setNotFoundHandler(answerUnknown(routes))
  await registerOpenApi(app, options.version)
  addRoutes(app, options)
  await app.ready()
  return app
}

/**
 * Counts every request but probes and scrapes, before anybody asks who sent it: the plugin's own
 * hook would run after the access table's and never see what that one refuses.
 */
async function limitRequests(app: App): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    max: REQUESTS_PER_MINUTE,
    timeWindow: 60_000,
    errorResponseBuilder: (_, { after }) =>
      new HttpProblem('too-many-requests', `Too many requests: come back in ${after}.`),
  })
  const limit = app.rateLimit()
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config?.rateLimit === false) return
    await limit.call(app, request, reply)
  })
}

function addRoutes(app: App, options: HttpOptions): void {
  const rates = new InputRates(options.stats)
  const stopSampling = rates.start(options.timers)
  app.addHook('onClose', async () => stopSampling())
  incidentRoutes(app, options)
  incidentCommandRoutes(app, options)
  episodeRoutes(app, options)
  deliveryRoutes(app, options)
  ruleRoutes(app, options)
  inputRoutes(app, rates)
  gapRoutes(app, options)
  sloRoutes(app, options)
  healthRoutes(app, options)
  metricsRoutes(app, options)
  openApiRoute(app)
  pageRoutes(app, options, rates)
}
