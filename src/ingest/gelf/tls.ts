import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContextOptions, TlsOptions } from 'node:tls'

import { z } from 'zod'

import type { Cancel, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'

/** How often the files are looked at; certificates are renewed days before they end. */
const RELOAD_CHECK_MS = 10_000

/** A peer that does not finish its handshake by then is let go. */
const HANDSHAKE_TIMEOUT_MS = 5_000

/** Encryption of an input: PEM files, read again when they change. */
export const tlsSchema = z.strictObject({
  /** Certificate with its chain; relative to the config file. */
  cert: z.string().min(1),
  /** Its private key. */
  key: z.string().min(1),
  /** Authorities whose client certificates are taken; with it every sender must show one. */
  client_ca: z.string().min(1).optional(),
})

export type TlsSettings = z.output<typeof tlsSchema>

/** What a server is made with; the files are read now, so a wrong one fails the start. */
export interface InputTls {
  readonly options: TlsOptions
  /** Has `server` take renewed files until cancelled. */
  watch(server: { setSecureContext(options: SecureContextOptions): void }): Cancel
}

/**
 * The server side of TLS (1.2 and newer) for an input. Certificates are renewed without a restart:
 * the files are looked at every ten seconds, and a set that cannot be used is reported once and the
 * last good one kept.
 *
 * @throws Error that names the file and what is wrong with it.
 */
export function inputTls(
  settings: TlsSettings,
  parts: { readonly input: string; readonly timers: Timers; readonly report: Report },
): InputTls {
  const first = readContext(settings)
  return {
    options: {
      ...first,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      requestCert: settings.client_ca !== undefined,
      rejectUnauthorized: settings.client_ca !== undefined,
    },
    watch(server) {
      const labels = { input: parts.input }
      let seen = versionOf(settings)
      return parts.timers.every(RELOAD_CHECK_MS, () => {
        const now = versionOf(settings)
        if (now === seen) return
        seen = now
        try {
          server.setSecureContext(readContext(settings))
          parts.report({ name: 'input.tls_renewed', labels })
        } catch (error) {
          const { message } = error as Error
          parts.report({ name: 'input.tls_refused', labels, detail: { message } })
        }
      })
    },
  }
}

function readContext({ cert, key, client_ca: clientCa }: TlsSettings): SecureContextOptions {
  const context: SecureContextOptions = {
    cert: read(cert, 'certificate'),
    key: read(key, 'private key'),
    ...(clientCa !== undefined && { ca: read(clientCa, 'client authority') }),
    minVersion: 'TLSv1.2',
  }
  try {
    // Here and not at the first handshake: says which pair is wrong while someone is looking.
    createSecureContext(context)
  } catch (error) {
    const { message } = error as Error
    throw new Error(`"${cert}" and "${key}" are not a PEM certificate and its key: ${message}`, {
      cause: error,
    })
  }
  return context
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Error(`cannot read the ${what} "${file}": ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Changes when one of the files does. A file that is missing for a moment is a change, too. */
function versionOf(settings: TlsSettings): string {
  return [settings.cert, settings.key, settings.client_ca]
    .filter((file) => file !== undefined)
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false })
      return stat === undefined ? '-' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`
    })
    .join(',')
}
