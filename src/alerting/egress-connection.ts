import type { Socket } from 'node:net'

import { buildConnector } from 'undici'

import { refusedAddress, type EgressAllowance, type EgressTarget } from './egress-guard.ts'

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** A refusal that was only seen once the name was looked up or the socket was open. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

/** All addresses of the name; throws when there is none or one of them is not allowed. */
export async function checkedAddresses(
  { host, literal }: EgressTarget,
  allow: EgressAllowance,
  resolve: (host: string) => Promise<readonly ResolvedAddress[]>,
): Promise<readonly ResolvedAddress[]> {
  if (literal !== null) return [{ address: host, family: host.includes(':') ? 6 : 4 }]
  const addresses = await resolve(host)
  if (addresses.length === 0) throw new Error(`${host} has no address`)
  for (const { address } of addresses) {
    const refused = refusedAddress(address, allow)
    if (refused !== null) throw new RefusedError(`${host}: ${refused}`)
  }
  return addresses
}

/**
 * Opens the one connection of a request: to an address that was checked, with TLS verified, and
 * handed over only once the peer's own address is found to be allowed too.
 */
export function guardedConnector(way: {
  readonly host: string
  readonly addresses: readonly ResolvedAddress[]
  readonly allow: EgressAllowance
  readonly timeoutMs: number
  /** Cuts the connection, also one that is still being made. */
  readonly signal: AbortSignal
  readonly ca: string | undefined
  readonly connector:
    | ((options: buildConnector.BuildOptions) => buildConnector.connector)
    | undefined
}): buildConnector.connector {
  const { host, addresses, allow, signal, ca } = way
  const connect = (way.connector ?? buildConnector)({
    timeout: way.timeoutMs,
    rejectUnauthorized: true,
    maxCachedSessions: 0,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
    // Not called when the URL names an address: that one was checked with the URL.
    lookup: (_name, lookupOptions, callback) => {
      if (lookupOptions.all === true) callback(null, [...addresses])
      else callback(null, addresses[0]!.address, addresses[0]!.family)
    },
  })
  return (connectOptions, callback) => {
    // The types say void; the socket is needed to cut a connection that is still being made.
    const opened = connect(connectOptions, (error, socket) => {
      if (error !== null) return callback(error, null)
      const peer = socket.remoteAddress ?? 'no address'
      const refused = refusedAddress(peer, allow)
      if (refused === null) return callback(null, socket)
      socket.destroy()
      return callback(new RefusedError(`${host} led to another peer: ${refused}`), null)
    }) as unknown as Socket | undefined
    if (opened !== undefined) {
      signal.addEventListener('abort', () => opened.destroy(), { once: true })
    }
  }
}
