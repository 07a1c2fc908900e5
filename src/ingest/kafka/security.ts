import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'

import type { KafkaInputSettings } from './settings.ts'
import type { SaslSettings } from './security-settings.ts'

/** Transport and credentials in the form that kafkajs takes. */
export interface KafkaSecurityOptions {
  readonly ssl?: ConnectionOptions | boolean
  readonly sasl?: SaslOptions
}

type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      readonly oauthBearerProvider: () => Promise<{ readonly value: string }>
    }

/** What an input's settings mean for its connections. Secrets are resolved already. */
export function securityOf(
  settings: Pick<KafkaInputSettings, 'tls' | 'sasl'>,
): KafkaSecurityOptions {
  const { tls, sasl } = settings
  return {
    ...(tls !== false && { ssl: tlsOptions(tls) }),
    ...(sasl !== undefined && { sasl: saslOptions(sasl) }),
  }
}

function tlsOptions(tls: Exclude<KafkaInputSettings['tls'], false>): ConnectionOptions {
  if (tls === true) return { minVersion: 'TLSv1.2' }
  const { ca, certificate, key, passphrase, server_name: servername } = tls
  return {
    minVersion: 'TLSv1.2',
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(servername !== undefined && { servername }),
  }
}

function saslOptions(sasl: SaslSettings): SaslOptions {
  if (sasl.mechanism !== 'oauthbearer') return sasl
  const { token, token_file: file } = sasl
  return {
    mechanism: 'oauthbearer',
    async oauthBearerProvider() {
      const value = token ?? (await readFile(file ?? '', 'utf8')).trim()
      if (value === '') throw new Error(`the token file "${file}" is empty`)
      return { value }
    },
  }
}
