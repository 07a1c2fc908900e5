import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Option } from 'commander'
import { GelfEvent } from '../ingest/normalise/gelf-event.ts'
import { timestampMs } from '../ingest/normalise/timestamp.ts'
import { hash64 } from '../lib/hash64.ts'
import type { EventFlag, EventView, FieldValue } from '../model/event.ts'
import { PlainEvent } from '../model/plain-event.ts'
import { ProblemError } from '../model/problem.ts'
import { dateInterval } from '../rules/language/date-text.ts'

/** `gelf`: GELF messages; `json`: fields as they are. */
export type EventsFormat = 'gelf' | 'json'

/** As the largest GELF message that intake takes. */
const LINE_MAX_BYTES = 1024 * 1024
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** `--format`, the same for every command that reads events. */
export function formatOption(): Option {
  return new Option('--format <format>', 'gelf, or json: fields as they are')
    .choices(['gelf', 'json'])
    .default('gelf')
}

/**
 * Reads a file (also `.gz`) with one JSON object per line, in order, and shows each event to
 * `onEvent`; the view is valid only during the call. Blank lines are passed over. An event counts
 * as received at the greatest event time so far, its own included (design §4.1). Answers how many
 * events there were; throws a `ProblemError` that names the line of the first bad one. `onRead` is
 * told how many bytes of the file are read, for a progress bar.
 */
export async function eachEvent(
  file: string,
  format: EventsFormat,
  onEvent: (view: EventView, index: number) => void,
  onRead?: (bytes: number) => void,
): Promise<number> {
  const read = format === 'gelf' ? gelfReader() : jsonReader()
  let index = 0
  await eachLine(
    file,
    (bytes, start, end, line) => {
      const view = read(bytes, start, end)
      if (typeof view === 'string') throw badLine(file, line, view)
      onEvent(view, index)
      index++
    },
    onRead,
  )
  return index
}

/** A view of one line, or a sentence that says what is wrong with it. */
type LineReader = (bytes: Buffer, start: number, end: number) => EventView | string

/** A message with this time of receipt is never ahead of it and shows its own time. */
const END_OF_TIME_MS = Number.MAX_SAFE_INTEGER

function gelfReader(): LineReader {
  const event = new GelfEvent()
  let latestMs = 0
  return (bytes, start, end) => {
    const rejection = event.scan(bytes, start, end, END_OF_TIME_MS)
    if (rejection !== undefined) return `it is no GELF message (${rejection})`
    if (event.timeMs < END_OF_TIME_MS) latestMs = Math.max(latestMs, event.timeMs)
    event.scan(bytes, start, end, latestMs)
    return event
  }
}

function jsonReader(): LineReader {
  let latestMs = 0
  return (bytes, start, end) => {
    const fields = parseFields(bytes.toString('utf8', start, end))
    if (typeof fields === 'string') return fields
    const written = fields.get('timestamp')
    const ownMs = written === undefined ? undefined : timeOf(written)
    if (ownMs !== undefined) latestMs = Math.max(latestMs, ownMs)
    const isReplaced = written !== undefined && ownMs === undefined
    const flags: EventFlag[] = isReplaced ? ['timestamp_replaced'] : []
    const hash = hash64(bytes, start, end)
    return new PlainEvent({ fields, timeMs: ownMs ?? latestMs, receivedMs: latestMs, hash, flags })
  }
}

function parseFields(text: string): Map<string, FieldValue> | string {
  let object: unknown
  try {
    object = JSON.parse(text, exactly)
  } catch (error) {
    return `it is not JSON (${(error as Error).message.replaceAll(/\p{Cc}/gu, ' ')})`
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    return 'it is JSON but not an object'
  }
  const fields = new Map<string, FieldValue>()
  for (const [name, value] of Object.entries(object) as [string, unknown][]) {
    if (value === null) continue
    const isPlain = typeof value === 'string' || typeof value === 'number'
    fields.set(name, isPlain ? value : JSON.stringify(value))
  }
  return fields
}

/** A number that a double cannot hold exactly is kept as its source text. */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value
  const isCut = !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))
  return isCut ? (context?.source ?? value) : value
}

/** Seconds since 1970, or RFC 3339. */
function timeOf(value: FieldValue): number | undefined {
  return timestampMs(String(value)) ?? dateInterval(String(value))?.fromMs
}

async function eachLine(
  file: string,
  onLine: (bytes: Buffer, start: number, end: number, line: number) => void,
  onRead?: (bytes: number) => void,
): Promise<void> {
  let rest: Buffer = Buffer.alloc(0)
  let line = 0
  const take = (bytes: Buffer, start: number, end: number): void => {
    line++
    const last = bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end
    if (last - start > LINE_MAX_BYTES) throw badLine(file, line, 'it is longer than 1 MiB')
    if (
      bytes.toString('latin1', start, Math.min(last, start + 64)).trim() === '' &&
      last - start < 64
    )
      return
    onLine(bytes, start, last, line)
  }
  for await (const chunk of openFile(file, onRead)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let start = 0
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, start)) {
      take(bytes, start, at)
      start = at + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > LINE_MAX_BYTES) throw badLine(file, line + 1, 'it is longer than 1 MiB')
  }
  if (rest.length > 0) take(rest, 0, rest.length)
}

async function* openFile(file: string, onRead?: (bytes: number) => void): AsyncGenerator<Buffer> {
  const source = createReadStream(file, { highWaterMark: 1024 * 1024 })
  const stream: Readable = file.endsWith('.gz') ? source.pipe(createGunzip()) : source
  if (stream !== source) source.once('error', (error) => stream.destroy(error))
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      yield chunk
      onRead?.(source.bytesRead)
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read: ${message}`
    throw new ProblemError([{ code: 'unreadable', severity: 'error', message: why, file }])
  } finally {
    source.destroy()
  }
}

function badLine(file: string, line: number, why: string): ProblemError {
  const message = `line ${line} holds no event: ${why}`
  return new ProblemError([{ code: 'bad-event', severity: 'error', message, file, line }])
}
