import type { Clock } from '../../src/lib/clock.ts'
import { createLogger, type Logger, type LogLevel } from '../../src/telemetry/logger.ts'

/** A logger whose lines a test can read back, as text and parsed. */
export function capturedLog(
  clock: Clock,
  level: LogLevel = 'debug',
): { logger: Logger; lines: string[]; records: () => Record<string, unknown>[] } {
  const lines: string[] = []
  const logger = createLogger({ level, clock, streams: [{ write: (line) => lines.push(line) }] })
  return {
    logger,
    lines,
    records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}
