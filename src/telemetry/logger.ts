import { pino } from 'pino'
import type { Clock } from '../lib/clock.ts'
import { logFields, logText, type LogFields } from './log-fields.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Where finished lines go: standard output, Graylog, a test's array. */
export interface LogStream {
  /** One JSON object and a line feed. */
  write(line: string): void
}

export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void
}

/**
 * A pino logger that writes one JSON object per line to every stream. Nothing in a value can
 * break a line or hide one: JSON escapes C0 controls, and what terminals and readers also take
 * for a line break or a change of direction is written as `\uXXXX` (I10). Secrets are replaced.
 */
export function createLogger(options: {
  readonly level: LogLevel
  readonly streams: readonly LogStream[]
  readonly clock: Clock
  /** Fields of every line, such as the version. */
  readonly base?: LogFields
}): Logger {
  const { streams, clock } = options
  const log = pino(
    {
      level: options.level,
      base: { ...options.base },
      timestamp: () => `,"time":${clock()}`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        const safe = line.replaceAll(UNSAFE, escaped)
        for (const stream of streams) stream.write(safe)
      },
    },
  )
  return {
    log: (level, message, fields = {}) => log[level](logFields(fields), logText(message)),
  }
}

/** DEL, C1 controls, line and paragraph separators, marks that change the direction of text. */
// oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
