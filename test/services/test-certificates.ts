import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { needDebian, runs } from './debian.ts'

/** PEM texts of an authority made for one test run and of the client that it signed. */
export interface TestCertificates {
  readonly ca: string
  readonly clientCertificate: string
  readonly clientKey: string
}

/**
 * Makes, in a folder, an authority and what it signs for 127.0.0.1 and localhost: `server.pem` (key,
 * certificate and authority in one), `client.crt` and `client.key`. Keys are not encrypted.
 */
export function makeCertificates(folder: string): TestCertificates {
  needDebian({ what: 'openssl', packages: ['openssl'], isThere: () => runs('openssl', 'version') })
  const openssl = (command: string) => {
    const run = spawnSync('openssl', command.split(' '), { cwd: folder, encoding: 'utf8' })
    if (run.status !== 0) throw new Error(`openssl ${command}: ${run.stderr}`)
  }
  openssl('req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=test-ca -keyout ca.key -out ca.crt')
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost')
  for (const who of ['server', 'client']) {
    openssl(`req -newkey rsa:2048 -nodes -subj /CN=${who} -keyout ${who}.key -out ${who}.csr`)
    openssl(
      `x509 -req -in ${who}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out ${who}.crt -extfile names`,
    )
  }
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  writeFileSync(
    join(folder, 'server.pem'),
    read('server.key') + read('server.crt') + read('ca.crt'),
  )
  return {
    ca: read('ca.crt'),
    clientCertificate: read('client.crt'),
    clientKey: read('client.key'),
  }
}
