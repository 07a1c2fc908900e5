import { isIP } from 'node:net'

import { z } from 'zod'

import { isLoopback } from '../../lib/loopback.ts'
import { DURATION_EXPECTED, formatDuration, parseDuration } from '../../model/duration.ts'
import { DEFAULT_TIMING } from '../../model/partition.ts'
import { tlsSchema } from './tls.ts'
import type { TlsSettings } from './tls.ts'

const DEFAULT_HOST = '127.0.0.1'

/** An input's name. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'expected a name of up to 63 letters, digits, ".", "_" or "-", such as "payments"',
  )

/** `host:port`, `[ip6]:port`, or a port alone, which listens on 127.0.0.1. */
const listenSchema = z.union([z.string(), z.number()]).transform((value, context) => {
  const text = String(value)
  const [, ip6, name, port] = /^(?:\[([0-9A-Fa-f:.]+)\]:|([^:[\]\s]*):)?(\d{1,5})$/.exec(text) ?? []
  const isHost = ip6 === undefined || isIP(ip6) === 6
  if (port === undefined || Number(port) > 65_535 || !isHost) {
    const message = `"${text}": expected an address such as "127.0.0.1:12201" or "[::1]:12201"`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  return { host: ip6 ?? (name || DEFAULT_HOST), port: Number(port) }
})

/** A duration as text; the output is in ms. */
export const durationSchema = z.string().transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  context.addIssue({ code: 'custom', message: `"${text}": expected ${DURATION_EXPECTED}` })
  return z.NEVER
})

/** What all inputs have in common that others connect to. */
export const listening = {
  /** Used in rules (`from`), metrics and the journal. */
  name: nameSchema,
  listen: listenSchema,
  /** Labels that incidents from this input carry. */
  labels: z.record(z.string(), z.string()).default({}),
  /** How long an event may come after a later one and still be in time; ms in the output. */
  reorder: durationSchema.prefault(formatDuration(DEFAULT_TIMING.reorderMs)),
  /** Silence after which the input counts as idle; ms in the output. */
  idle_after: durationSchema.prefault(formatDuration(DEFAULT_TIMING.idleAfterMs)),
  /** Needed to listen on more than this machine without encryption or without knowing who sends. */
  allow_insecure: z.boolean().default(false),
}

const gelf = {
  ...listening,
  /**
   * Silence after which an input that had records is an incident, and time without anybody
   * listening too; `undefined` in the output when it is `off`, else ms.
   */
  silent_after: z
    .union([z.literal('off').transform(() => undefined), durationSchema])
    .prefault('5m'),
}

/** GELF over TCP: messages that end in a NUL byte (as GELF says) or in a line feed. */
export const gelfTcpSchema = z
  .strictObject({
    type: z.literal('gelf-tcp'),
    ...gelf,
    delimiter: z.enum(['nul', 'newline']).default('nul'),
    tls: tlsSchema.optional(),
  })
  .superRefine(isDeliberate)

/** GELF over UDP: plain, gzip, zlib; whole or in chunks. */
export const gelfUdpSchema = z
  .strictObject({ type: z.literal('gelf-udp'), ...gelf })
  .superRefine(isDeliberate)

/** GELF over HTTP: `POST /gelf`. */
export const gelfHttpSchema = z
  .strictObject({
    type: z.literal('gelf-http'),
    ...gelf,
    /** Bearer token that senders must show; without one, everyone who reaches the port may send. */
    token: z.string().min(8, 'expected a token of at least 8 characters').optional(),
    tls: tlsSchema.optional(),
  })
  .superRefine(isDeliberate)

export type GelfTcpSettings = z.output<typeof gelfTcpSchema>
export type GelfUdpSettings = z.output<typeof gelfUdpSchema>
export type GelfHttpSettings = z.output<typeof gelfHttpSchema>
export type GelfInputSettings = GelfTcpSettings | GelfUdpSettings | GelfHttpSettings

/** The same input with the files of `tls` as `resolvePath` gives them. */
export function withTlsPaths<Input extends { readonly tls?: TlsSettings | undefined }>(
  input: Input,
  resolvePath: (path: string) => string,
): Input {
  if (input.tls === undefined) return input
  const { cert, key, client_ca: clientCa } = input.tls
  const tls: TlsSettings = {
    cert: resolvePath(cert),
    key: resolvePath(key),
    ...(clientCa !== undefined && { client_ca: resolvePath(clientCa) }),
  }
  return { ...input, tls }
}

/** What everyone can reach is open on purpose or not at all. */
export function isDeliberate(
  input: {
    readonly type: string
    readonly listen: { readonly host: string; readonly port: number }
    readonly allow_insecure: boolean
    readonly token?: string | undefined
    readonly tls?: TlsSettings | undefined
  },
  context: z.RefinementCtx,
): void {
  const { host } = input.listen
  if (input.allow_insecure || isLoopback(host)) return
  const knowsSender = input.token !== undefined || input.tls?.client_ca !== undefined
  const lacks = [
    ...(input.tls === undefined ? ['no encryption (tls)'] : []),
    ...(knowsSender || input.type === 'gelf-udp' ? [] : [LACKS_SENDER[input.type]!]),
  ]
  if (lacks.length === 0) return
  const message =
    `"${host}" can be reached from other machines, and this input has ${lacks.join(' and ')}: ` +
    `listen on 127.0.0.1, or say "allow_insecure: true"`
  context.addIssue({ code: 'custom', path: ['listen'], message })
}

const LACKS_SENDER: Readonly<Record<string, string>> = {
  'gelf-tcp': 'no client certificates (tls.client_ca)',
  'graylog-webhook': 'no token and no client certificates (tls.client_ca)',
  'gelf-http': 'no token and no client certificates (tls.client_ca)',
}
