import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

import type { Config } from './config/settings.ts'
import type { Problem } from './model/problem.ts'

/**
 * Tries every address that the service is about to listen on, and lets it go again. Asked before
 * the shard is claimed: a second start by mistake must fail here, where it does not yet take the
 * running one's place. Port 0 is always free.
 */
export async function takenAddresses(config: Config): Promise<readonly Problem[]> {
  const wanted = [
    { what: 'the API and page ("http.listen")', listen: config.http.listen, isUdp: false },
    ...config.inputs.flatMap((input) => {
      if (input.type === 'kafka') return []
      const { name, type, listen } = input
      return [{ what: `input "${name}"`, listen, isUdp: type === 'gelf-udp' }]
    }),
  ]
  const problems: Problem[] = []
  for (const { what, listen, isUdp } of wanted) {
    const error = await (isUdp ? tryUdp(listen) : tryTcp(listen))
    if (error === undefined) continue
    problems.push({
      code: 'cannot-listen',
      severity: 'error',
      message: sentence(what, listen, error),
    })
  }
  return problems
}

interface Address {
  readonly host: string
  readonly port: number
}

function sentence(what: string, { host, port }: Address, error: NodeJS.ErrnoException): string {
  const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process has that port; is Tocsin running already?',
    EACCES: 'a port below 1024 needs a right that this user does not have',
    EADDRNOTAVAIL: 'this machine does not have that address',
  }
  return `${what} cannot listen on ${place}: ${why[error.code ?? ''] ?? error.message}`
}

function tryTcp({ host, port }: Address): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', resolve)
    server.listen({ host, port }, () => server.close(() => resolve(undefined)))
  })
}

function tryUdp({ host, port }: Address): Promise<NodeJS.ErrnoException | undefined> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    socket.once('error', (error) => {
      socket.close()
      resolve(error)
    })
    socket.bind({ address: host, port }, () => socket.close(() => resolve(undefined)))
  })
}
