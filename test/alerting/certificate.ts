import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** A certificate and its key as PEM, made on the spot: nothing secret lies in the repository. */
export interface MadeCertificate {
  readonly cert: string
  readonly key: string
}

/**
 * A self-signed X.509 v3 certificate for a DNS name (RFC 5280, DER by hand: Node makes keys but no
 * certificates). Its own authority, so that giving it as `ca` makes it trusted.
 */
export function certificateFor(
  dnsName: string,
  valid: { readonly fromMs: number; readonly toMs: number },
): MadeCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid('2a8648ce3d040302')) // ecdsa-with-SHA256
  const name = sequence(set(sequence(oid('550403'), der(0x0c, Buffer.from(dnsName)))))
  const basicConstraints = extension('551d13', sequence(der(0x01, Buffer.from([0xff]))))
  const altName = extension('551d11', sequence(der(0x82, Buffer.from(dnsName))))
  const toBeSigned = sequence(
    der(0xa0, integer(2)),
    integer(1),
    algorithm,
    name,
    sequence(time(valid.fromMs), time(valid.toMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(basicConstraints, altName)),
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = sequence(toBeSigned, algorithm, bits(signature))
  return { cert: pem('CERTIFICATE', certificate), key: keyPem(privateKey) }
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content])
}

function sequence(...contents: Buffer[]): Buffer {
  return der(0x30, ...contents)
}

function set(...contents: Buffer[]): Buffer {
  return der(0x31, ...contents)
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]))
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function bits(content: Buffer): Buffer {
  return der(0x03, Buffer.from([0]), content)
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value))
}

/** GeneralizedTime: YYYYMMDDHHMMSSZ. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return der(0x18, Buffer.from(digits))
}

function pem(label: string, content: Buffer): string {
  const lines = (content.toString('base64').match(/.{1,64}/g) ?? []).join('\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}
