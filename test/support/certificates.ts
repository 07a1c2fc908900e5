import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Who a certificate of the tests belongs to; `certificates/make.sh` makes them. */
export type CertificateName = 'server' | 'renewed-server' | 'client' | 'stranger' | 'expired'

/** Path of the authority that signed all but the stranger. */
export const AUTHORITY = pathOf('authority.pem')

/** Paths of a certificate and its key. */
export function certificateFiles(name: CertificateName): {
  readonly cert: string
  readonly key: string
} {
  return { cert: pathOf(`${name}.pem`), key: pathOf(`${name}-key.pem`) }
}

/** The same as PEM texts, and the authority. */
export function certificate(name: CertificateName): {
  readonly cert: string
  readonly key: string
  readonly ca: string
} {
  const { cert, key } = certificateFiles(name)
  return {
    cert: readFileSync(cert, 'utf8'),
    key: readFileSync(key, 'utf8'),
    ca: readFileSync(AUTHORITY, 'utf8'),
  }
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(`certificates/${file}`, import.meta.url))
}
