import { Secret } from '../lib/secret.ts'

/** Fields of a log line by name; values are plain JSON. */
export type LogFields = Readonly<Record<string, unknown>>

/** Names of what every line says of itself. */
const RESERVED = new Set(['level', 'time', 'msg'])
const SECRET_NAME =
  /(secret|password|passwd|token|authorization|cookie|credential|api_?key|private_?key|signature)/i
/** Forms of secrets that say themselves what they are, in any text. */
const SECRET_TEXT =
  /\b(tcs_|whsec_|whsk_)[A-Za-z0-9+/=_-]{8,}|\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]+/g
const TEXT_MAX = 2_048
const DEPTH_MAX = 4
/** Per object and array: enough for every problem list that someone reads in a log. */
const ENTRIES_MAX = 50

/**
 * What may be written of a detail: secrets by name and by form are replaced, texts are cut to
 * 2 KiB, depth and breadth are bounded, errors become plain data.
 */
export function logFields(detail: LogFields): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(detail).slice(0, ENTRIES_MAX)) {
    if (value === undefined) continue
    fields[RESERVED.has(name) ? `${name}_` : name] = field(name, value, DEPTH_MAX)
  }
  return fields
}

/** The same for a text alone. */
export function logText(text: string): string {
  const cut = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  return cut.replaceAll(SECRET_TEXT, (found) => `${found.slice(0, 6)}[redacted]`)
}

function field(name: string, value: unknown, depth: number): unknown {
  if (SECRET_NAME.test(name) && value !== null && typeof value !== 'boolean') return '[redacted]'
  if (typeof value === 'string') return logText(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'bigint') return value.toString()
  return typeof value === 'object' ? compound(value, depth) : `[${typeof value}]`
}

function compound(value: object, depth: number): unknown {
  if (depth === 0) return '[deeper]'
  if (value instanceof Error) return failure(value, depth)
  if (value instanceof Secret) return value.toString()
  if (Array.isArray(value)) {
    return value.slice(0, ENTRIES_MAX).map((each) => field('', each, depth - 1))
  }
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, ENTRIES_MAX)
      .map(([name, each]) => [name, field(name, each, depth - 1)]),
  )
}

function failure(error: Error, depth: number): unknown {
  return {
    type: error.name,
    message: logText(error.message),
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    stack: logText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: field('cause', error.cause, depth - 1) }),
  }
}
