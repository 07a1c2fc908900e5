import { X509Certificate, createPrivateKey } from 'node:crypto'

import { z } from 'zod'

/** PEM text of one or more certificates, usually `file:/…`. */
const certificatesSchema = z.string().refine(isCertificates, {
  message:
    'expected certificates in PEM form ("-----BEGIN CERTIFICATE-----"), such as "file:/etc/tocsin/ca.pem"',
})

const keySchema = z.string().refine((text) => text.includes('PRIVATE KEY-----'), {
  message: 'expected a private key in PEM form ("-----BEGIN PRIVATE KEY-----"), by reference',
})

/** TLS to the brokers. `true` trusts the authorities that Node trusts. */
export const tlsSchema = z.union([
  z.boolean(),
  z
    .strictObject({
      /** Authorities to trust instead of Node's. */
      ca: certificatesSchema.optional(),
      /** Our own certificate and key, where brokers ask for one (mutual TLS). */
      certificate: certificatesSchema.optional(),
      key: keySchema.optional(),
      passphrase: z.string().optional(),
      /** Name that the brokers' certificates must bear, where it is not their address. */
      server_name: z.string().min(1).optional(),
    })
    .superRefine(isPair),
])

const passwordSchema = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: z.string().min(1),
  password: z.string().min(1),
})

const tokenSchema = z
  .strictObject({
    mechanism: z.literal('oauthbearer'),
    /** The token itself, by reference; it must outlive the process. */
    token: z.string().min(1).optional(),
    /** A file that somebody else keeps fresh; read whenever a connection authenticates. */
    token_file: z.string().min(1).optional(),
  })
  .refine(({ token, token_file }) => (token === undefined) !== (token_file === undefined), {
    message: 'expected "token" or "token_file", and not both',
  })

/** Who we are to the brokers. */
export const saslSchema = z.discriminatedUnion('mechanism', [passwordSchema, tokenSchema], {
  error: 'expected a "mechanism": "plain", "scram-sha-256", "scram-sha-512" or "oauthbearer"',
})

export type SaslSettings = z.output<typeof saslSchema>

/** Every certificate of the text can be read, and there is one. */
function isCertificates(text: string): boolean {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    return found.length > 0 && found.every((pem) => new X509Certificate(pem).subject !== undefined)
  } catch {
    return false
  }
}

/** A certificate needs its key, and the key must be its own: said now, not by a broker's alert. */
function isPair(
  tls: {
    readonly certificate?: string | undefined
    readonly key?: string | undefined
    readonly passphrase?: string | undefined
  },
  context: z.RefinementCtx,
): void {
  const { certificate, key, passphrase } = tls
  const fail = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message })
  if ((certificate === undefined) !== (key === undefined)) {
    const missing = key === undefined ? 'key' : 'certificate'
    fail(missing, 'a certificate and its key belong together, and only one of them is there')
  } else if (certificate !== undefined && key !== undefined) {
    try {
      const own = createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) })
      const isOwn = new X509Certificate(certificate).checkPrivateKey(own)
      if (!isOwn) fail('key', 'this is not the key of the certificate')
    } catch {
      fail(
        'key',
        'this key cannot be read: is it encrypted, and the "passphrase" missing or wrong?',
      )
    }
  }
}
