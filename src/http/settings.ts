import { isIP } from 'node:net'
import { z } from 'zod'
import { isLoopback } from '../lib/loopback.ts'
import { ROLES } from './access.ts'
import { tokenHash, type ApiToken } from './tokens.ts'

const tokenSchema = z
  .strictObject({
    name: z.string().regex(/^[\w.@-]{1,64}$/, 'expected letters, digits, "_", ".", "@", "-"'),
    /** SHA-256 of the token in hexadecimal, as `tocsin init` prints it. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/i, 'expected 64 hexadecimal digits')
      .optional(),
    /** The token itself, by reference: `file:/path`, `env:NAME`. */
    token: z.string().min(32, 'expected at least 32 characters').optional(),
    roles: z.array(z.enum(ROLES)).min(1),
  })
  .refine((token) => (token.sha256 === undefined) !== (token.token === undefined), {
    message: 'expected exactly one of "sha256" and "token"',
  })

const listenSchema = z
  .string()
  .default('127.0.0.1:8080')
  .transform((text, context) => {
    const listen = parseListen(text)
    if (listen !== undefined) return listen
    context.addIssue({
      code: 'custom',
      message: `"${text}": expected address and port such as "127.0.0.1:8080" or "[::1]:8080"`,
    })
    return z.NEVER
  })

/** The part `http:` of tocsin.yaml: API, page, metrics and health. */
export const httpSchema = z
  .strictObject({
    /** Address and port. Anything but a loopback address is reachable by others. */
    listen: listenSchema,
    /** Where people reach it, for links in webhooks; default: the listening address. */
    public_url: z.url({ protocol: /^https?$/ }).optional(),
    tokens: z.array(tokenSchema).max(1_000).default([]),
    /** Who may see the page: `public` means anyone who reaches it. Default: only on loopback. */
    page: z.enum(['public', 'token']).optional(),
    /** Whether `/metrics` and `/metrics/slo` answer without a token. Default: only on loopback. */
    metrics_public: z.boolean().optional(),
  })
  .superRefine(({ tokens }, context) => {
    for (const key of ['name', 'sha256', 'token'] as const) {
      const seen = new Set<string>()
      for (const [index, token] of tokens.entries()) {
        const value = token[key]
        if (value === undefined) continue
        if (seen.has(value)) {
          context.addIssue({
            code: 'custom',
            path: ['tokens', index, key],
            message: `the same ${key} stands at an earlier token`,
          })
        }
        seen.add(value)
      }
    }
  })

export type HttpSettings = z.infer<typeof httpSchema>

export interface Listen {
  readonly host: string
  readonly port: number
}

/** The settings as the server takes them: hashes instead of tokens, defaults by address. */
export function accessSettings(settings: HttpSettings): {
  readonly listen: Listen
  readonly tokens: readonly ApiToken[]
  readonly page: 'public' | 'token'
  readonly metricsPublic: boolean
} {
  const loopback = isLoopback(settings.listen.host)
  return {
    listen: settings.listen,
    tokens: settings.tokens.map(({ name, sha256, token, roles }) => ({
      name,
      sha256: sha256?.toLowerCase() ?? tokenHash(token ?? ''),
      roles,
    })),
    page: settings.page ?? (loopback ? 'public' : 'token'),
    metricsPublic: settings.metrics_public ?? loopback,
  }
}

/** `host:port` or `[v6]:port`; `undefined` when it is neither. Port 0 takes any free one. */
function parseListen(text: string): Listen | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  const host = match[1] ?? match[2] ?? ''
  if (port > 65_535 || (match[1] !== undefined && isIP(host) !== 6)) return undefined
  return { host, port }
}
