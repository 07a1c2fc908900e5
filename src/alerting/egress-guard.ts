import { AddressList, plainAddress } from './address-list.ts'

/** What a receiver's settings open beyond the default of https to public addresses. */
export interface EgressAllowance {
  /** Plain http too. */
  readonly http: boolean
  /** Ranges that may be reached although they are not public, such as `10.1.0.0/16`. */
  readonly addresses: readonly string[]
  /** Ports beside 443 and 8443. */
  readonly ports: readonly number[]
}

/** A refusal as a sentence; nothing was sent. */
export interface EgressRefusal {
  readonly refused: string
}

export interface EgressTarget {
  readonly url: URL
  /** Host name to look up, or the address without brackets. */
  readonly host: string
  /** Set when the URL names an address itself: no name is looked up for it. */
  readonly literal: string | null
}

const PORTS: readonly number[] = [443, 8443]

/**
 * Ranges that are not the public Internet, by what they are (IANA special-purpose registries).
 * IPv4-mapped addresses are judged as the IPv4 address they stand for.
 */
const NOT_PUBLIC: readonly (readonly [name: string, ranges: AddressList])[] = [
  ['this host', ['0.0.0.0/8', '::/128']],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10']],
  ['link-local (cloud metadata is there)', ['169.254.0.0/16', 'fe80::/10']],
  ['carrier-grade NAT', ['100.64.0.0/10']],
  ['multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['reserved or broadcast', ['240.0.0.0/4', '192.0.0.0/24', '2001::/23', '100::/64', '5f00::/16']],
  ['documentation', ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24']],
  ['documentation', ['2001:db8::/32', '3fff::/20']],
  ['benchmarking', ['198.18.0.0/15']],
  ['NAT64, which hides an IPv4 address', ['64:ff9b::/96', '64:ff9b:1::/48']],
  ['6to4, which hides an IPv4 address', ['2002::/16', '192.88.99.0/24']],
].map(([name, ranges]) => [name as string, new AddressList(ranges as string[])])

/** Where IPv6 addresses of the public Internet are; everything else is something special. */
const GLOBAL_UNICAST = new AddressList(['0.0.0.0/0', '2000::/3'])

/**
 * Reads a receiver's URL as browsers do (WHATWG) and says where a request would go, or why it may
 * not: scheme, user info, port, control characters, and an address that is written out
 * (`0x7f.1`, `2130706433` and `127。0。0。1` are addresses too).
 */
export function checkUrl(text: string, allow: EgressAllowance): EgressTarget | EgressRefusal {
  // The parser removes tabs and line breaks silently and trims blanks, so they are looked for here.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f-\u009f\u2028\u2029\\]/.test(text)) {
    return { refused: 'the URL holds a blank, a backslash or a control character' }
  }
  const url = URL.parse(text)
  if (url === null) return { refused: 'the URL cannot be read' }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allow.http)) {
    const remedy = url.protocol === 'http:' ? ' (allow: { http: true } permits http)' : ''
    return { refused: `the scheme ${url.protocol} is not allowed, https: is${remedy}` }
  }
  if (url.username !== '' || url.password !== '') {
    return { refused: 'the URL holds a user name or password; sign with a secret instead' }
  }
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const isOpen =
    PORTS.includes(port) || allow.ports.includes(port) || (port === 80 && url.protocol === 'http:')
  if (!isOpen) {
    return { refused: `port ${port} is not allowed, 443 and 8443 are (allow.ports opens others)` }
  }
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const literal = plainAddress(host) ?? null
  if (literal !== null) {
    const refused = refusedAddress(host, allow)
    if (refused !== null) return { refused }
  }
  return { url, host, literal }
}

/** Why a connection to this address is not allowed, as a sentence; `null` when it is. */
export function refusedAddress(address: string, allow: EgressAllowance): string | null {
  const plain = plainAddress(address)
  if (plain === undefined) return `${JSON.stringify(address)} is not an address`
  if (allow.addresses.length > 0 && new AddressList(allow.addresses).has(plain)) return null
  const kind =
    NOT_PUBLIC.find(([, ranges]) => ranges.has(plain))?.[0] ??
    (GLOBAL_UNICAST.has(plain) ? undefined : 'not global unicast')
  if (kind === undefined) return null
  return `${plain} is not a public address (${kind}); allow.addresses can open a range`
}
