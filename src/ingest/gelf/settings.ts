import { isIP } from 'node:net'

import { z } from 'zod'

import { isLoopback } from '../../lib/loopback.ts'
import { DURATION_EXPECTED, formatDuration, parseDuration } from '../../model/duration.ts'
import { DEFAULT_TIMING } from '../../model/partition.ts'

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

const common = {
  /** Used in rules (`from`), metrics and the journal. */
  name: nameSchema,
  listen: listenSchema,
  /** Labels that incidents from this input carry. */
  labels: z.record(z.string(), z.string()).default({}),
  /** How long an event may come after a later one and still be in time; ms in the output. */
  reorder: durationSchema.prefault(formatDuration(DEFAULT_TIMING.reorderMs)),
  /** Silence after which the input counts as idle; ms in the output. */
  idle_after: durationSchema.prefault(formatDuration(DEFAULT_TIMING.idleAfterMs)),
  /** Needed to listen on more than this machine without encryption. */
  allow_insecure: z.boolean().default(false),
}

/** GELF over TCP: messages that end in a NUL byte (as GELF says) or in a line feed. */
export const gelfTcpSchema = z
  .strictObject({
    type: z.literal('gelf-tcp'),
    ...common,
    delimiter: z.enum(['nul', 'newline']).default('nul'),
  })
  .superRefine(isDeliberate)

/** GELF over UDP: plain, gzip, zlib; whole or in chunks. */
export const gelfUdpSchema = z
  .strictObject({ type: z.literal('gelf-udp'), ...common })
  .superRefine(isDeliberate)

/** GELF over HTTP: `POST /gelf`. */
export const gelfHttpSchema = z
  .strictObject({
    type: z.literal('gelf-http'),
    ...common,
    /** Bearer token that senders must show; without one, everyone who reaches the port may send. */
    token: z.string().min(8, 'expected a token of at least 8 characters').optional(),
  })
  .superRefine(isDeliberate)

export type GelfTcpSettings = z.output<typeof gelfTcpSchema>
export type GelfUdpSettings = z.output<typeof gelfUdpSchema>
export type GelfHttpSettings = z.output<typeof gelfHttpSchema>
export type GelfInputSettings = GelfTcpSettings | GelfUdpSettings | GelfHttpSettings

/** What everyone can reach is open on purpose or not at all. */
function isDeliberate(
  input: {
    readonly type: string
    readonly listen: { readonly host: string; readonly port: number }
    readonly allow_insecure: boolean
    readonly token?: string | undefined
  },
  context: z.RefinementCtx,
): void {
  const { host } = input.listen
  if (input.allow_insecure || isLoopback(host)) return
  const lack = input.type === 'gelf-http' && input.token === undefined ? 'no token and ' : ''
  const message =
    `"${host}" can be reached from other machines, and this input has ${lack}no encryption: ` +
    `listen on 127.0.0.1, or say "allow_insecure: true"`
  context.addIssue({ code: 'custom', path: ['listen'], message })
}
