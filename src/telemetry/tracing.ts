import type { Timers } from '../lib/clock.ts'
import { within } from '../lib/within.ts'
import type { Report } from '../model/occurrence.ts'

/** Values a span may carry: names and counts, never text of events (I10). */
type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** Runs `run` inside a span; a throw marks it as failed and goes on to the caller. */
export type Span = <T>(name: string, attributes: SpanAttributes, run: () => T) => T

export interface Tracing {
  readonly isOn: boolean
  readonly span: Span
  /** Sends what waits. */
  readonly stop: () => Promise<void>
}

const REASON_MAX = 500

/** Any of them set turns tracing on, as the OpenTelemetry specification has it. */
const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']

/**
 * OpenTelemetry traces over OTLP, off unless the standard variables ask for them; then the SDK is
 * loaded (29 MB that cost nothing when off). `env` is the process's environment: it decides here,
 * and the SDK itself reads the rest of the `OTEL_…` variables from the process.
 * A span per slice and per delivery attempt, never one per event.
 */
export async function startTracing(
  env: Readonly<Record<string, string | undefined>>,
  report: Report,
): Promise<Tracing> {
  if (!wantsTraces(env)) return { isOn: false, span: (_, __, run) => run(), stop: async () => {} }
  const [{ diag, DiagLogLevel, SpanStatusCode, trace }, { startNodeSdk }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-node'),
  ])
  // Metrics are scraped and logs go to standard output and Graylog: only traces leave here.
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': env['OTEL_SERVICE_NAME'] ?? 'tocsin' },
    metricReaders: [],
    logRecordProcessors: [],
  })
  // The SDK says what went wrong on the console, where it would break the lines of our own log.
  const failed = (message: string): void => {
    const reason = message.slice(0, REASON_MAX)
    report({ name: 'telemetry.failed', labels: { part: 'traces' }, detail: { reason } })
  }
  const ignored = (): void => undefined
  diag.setLogger(
    { error: failed, warn: failed, info: ignored, debug: ignored, verbose: ignored },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const tracer = trace.getTracer('tocsin')
  return {
    isOn: true,
    span: (name, attributes, run) =>
      tracer.startActiveSpan(name, { attributes: { ...attributes } }, (span) => {
        const failed = (error: unknown): void => {
          span.setStatus({ code: SpanStatusCode.ERROR, message: nameOf(error) })
          span.end()
        }
        try {
          const result = run()
          if (!isPromise(result)) {
            span.end()
            return result
          }
          // The caller gets the promise itself and with it the rejection; this only watches.
          result.then(() => span.end(), failed)
          return result
        } catch (error) {
          failed(error)
          throw error
        }
      }),
    stop: () => sdk.shutdown(),
  }
}

/** Time for the last spans; a collector that does not answer must not hold up a restart. */
const STOP_LIMIT_MS = 2_000

/** Sends what waits, if that can be done in time. Spans are no evidence: losing them is allowed. */
export async function stopTracing(tracing: Tracing, timers: Timers): Promise<void> {
  await within(
    tracing.stop().catch(() => undefined),
    STOP_LIMIT_MS,
    timers,
  )
}

function wantsTraces(env: Readonly<Record<string, string | undefined>>): boolean {
  const isDisabled = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true'
  const isNone = env['OTEL_TRACES_EXPORTER']?.trim() === 'none'
  return !isDisabled && !isNone && ENDPOINTS.some((name) => (env[name] ?? '') !== '')
}

/** Only the error's kind: messages may quote what users sent. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

function isPromise<T>(value: T): value is T & Promise<unknown> {
  return value instanceof Promise
}
