import { createRequire } from 'node:module'
import gelfPro from 'gelf-pro'
import type { FieldValue } from '../model/event.ts'
import { selfMarker, selfMaterial } from '../lib/self-marker.ts'
import type { LogStream } from './logger.ts'

const require = createRequire(import.meta.url)

/** Messages on their way at a time; a socket each. More are dropped and counted (I2). */
const IN_FLIGHT_MAX = 64
const MESSAGE_MAX = 4_096
/** Below what our own inputs cut a value at (32 KiB), in any script. */
const FIELD_MAX = 8_192
/** Syslog severities of pino's levels, as GELF wants them. */
const SYSLOG: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 }

export interface GelfLogOptions {
  /** Graylog's GELF input. UDP unless said otherwise: gelf-pro's TCP connects per message. */
  readonly host: string
  readonly port: number
  readonly protocol?: 'udp' | 'tcp'
  /** The `source` of our records in Graylog. */
  readonly source: string
  /** Key of `_tocsin_self` (I12): with it our inputs know a record of ours from a forged one. */
  readonly key: Uint8Array
  /** Called when a message could not leave; must not log to this same stream unboundedly. */
  readonly onLost: (reason: string) => void
}

/**
 * A stream that sends every log line to Graylog through gelf-pro, marked as our own so that it
 * never feeds our own detection (I12).
 */
export function createGelfLog(options: GelfLogOptions): LogStream & { inFlight(): number } {
  const send = gelfSender(options)
  let inFlight = 0
  return {
    inFlight: () => inFlight,
    write(line) {
      if (inFlight >= IN_FLIGHT_MAX) return options.onLost('too many messages on their way')
      const message = gelfMessage(line, options)
      inFlight++
      send(message, (error) => {
        inFlight--
        if (error != null) options.onLost(error.message)
      })
    },
  }
}

/** A log line of ours as the text of a GELF 1.1 message, with its marker. */
export function gelfMessage(
  line: string,
  { source, key }: Pick<GelfLogOptions, 'source' | 'key'>,
): string {
  const { time, level: label, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const timestampMs = Math.round(Number(time))
  // Graylog turns line breaks of a short message into nothing worth relying on; there are none.
  const message = textOf(String(msg).replaceAll(/\s+/g, ' '), MESSAGE_MAX) || 'no message'
  const level = SYSLOG[String(label)] ?? 6
  const additional = additionalFields(fields)
  // By the names that the record's fields have when it comes in again.
  const material = selfMaterial(timestampMs, { ...additional, source, message, level })
  return JSON.stringify({
    ...Object.fromEntries(Object.entries(additional).map(([name, value]) => [`_${name}`, value])),
    version: '1.1',
    host: source,
    short_message: message,
    timestamp: timestampMs / 1_000,
    level,
    _tocsin_self: selfMarker(key, material),
  })
}

/** Without empty ones, which Graylog does not keep. */
function additionalFields(fields: Record<string, unknown>): Record<string, FieldValue> {
  const entries = Object.entries(fields).map(([name, value]): [string, FieldValue] => {
    if (typeof value === 'number') return [fieldName(name), value]
    return [fieldName(name), textOf(typeof value === 'string' ? value : JSON.stringify(value))]
  })
  return Object.fromEntries(entries.filter(([, value]) => value !== ''))
}

/**
 * A name that arrives as it left: of word characters and hyphens, without a leading underscore,
 * and not one that GELF, Graylog or our own reading of a record has another use for.
 */
function fieldName(name: string): string {
  const plain = name.replaceAll(/[^\w-]/g, '_').replace(/^_+/, '')
  return plain === '' || RESERVED.has(plain) || plain.startsWith('gl2_') ? `${plain}_` : plain
}

/** Without blanks around it, which Graylog cuts off, and without halves of a character. */
function textOf(text: string, max = FIELD_MAX): string {
  return text.slice(0, max).toWellFormed().replaceAll(BLANKS_AROUND, '')
}

const BLANKS_AROUND = /^[\s\p{Cc}]+|[\s\p{Cc}]+$/gu

const RESERVED = new Set(
  (
    'id host short_message source message full_message timestamp level line version streams ' +
    'forwarder graylog_id tocsin_self tocsin_flags'
  ).split(' '),
)

type Send = (message: string, done: (error?: Error | null) => void) => void

/**
 * gelf-pro keeps its configuration in one object and its adapter in one module: both are derived
 * here, so that another user of the package (demo, tests) does not redirect our log.
 */
function gelfSender({ host, port, protocol = 'udp' }: GelfLogOptions): Send {
  const logger = Object.create(gelfPro) as typeof gelfPro & { adapter: unknown }
  const adapter = Object.create(require(`gelf-pro/lib/adapter/${protocol}`) as object) as {
    setOptions(options: object): unknown
  }
  const isV6 = host.includes(':')
  adapter.setOptions({
    host,
    port,
    family: isV6 ? 6 : 4,
    protocol: isV6 ? 'udp6' : 'udp4',
    timeout: 5_000,
  })
  logger.adapter = adapter
  return (message, done) => logger.send(message, (error) => done(error))
}
