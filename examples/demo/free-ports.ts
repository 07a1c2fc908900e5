import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

/** Each wished port where it is free, else any free one; as text, by the same names. */
export async function freePorts<T extends Readonly<Record<string, number>>>(
  wished: T,
): Promise<{ readonly [K in keyof T]: string }> {
  const found: Record<string, string> = {}
  for (const [name, port] of Object.entries(wished)) {
    found[name] = String((await tryPort(port)) ?? (await tryPort(0)))
  }
  return found as { [K in keyof T]: string }
}

function tryPort(port: number): Promise<number | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const bound = (server.address() as AddressInfo).port
      server.close(() => resolve(bound))
    })
  })
}
