import { BlockList, isIP } from 'node:net'

/** `10.0.0.0/8`, `fd00::/8`, or one address; `undefined` for anything else. */
export function parseCidr(
  text: string,
): { readonly address: string; readonly family: 4 | 6; readonly prefix: number } | undefined {
  const [address = '', length, ...rest] = text.split('/')
  const family = isIP(address)
  if ((family !== 4 && family !== 6) || rest.length > 0 || address.includes('%')) return undefined
  const bits = family === 4 ? 32 : 128
  if (length === undefined) return { address, family, prefix: bits }
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined
  return { address, family, prefix: Number(length) }
}

/** A set of address ranges. Throws for a text that {@link parseCidr} refuses. */
export class AddressList {
  readonly #list = new BlockList()

  constructor(cidrs: readonly string[]) {
    for (const text of cidrs) {
      const cidr = parseCidr(text)
      if (cidr === undefined) throw new Error(`${JSON.stringify(text)} is not an address range`)
      this.#list.addSubnet(cidr.address, cidr.prefix, cidr.family === 4 ? 'ipv4' : 'ipv6')
    }
  }

  /** `address` is a valid IPv4 or IPv6 address, as {@link plainAddress} gives it. */
  has(address: string): boolean {
    return this.#list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}

/**
 * The address that packets would really go to: an IPv4-mapped one (`::ffff:10.0.0.1`, in whatever
 * spelling) becomes its IPv4 address. `undefined` for what is no address, or has a zone.
 */
export function plainAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 4) return text
  if (family !== 6 || text.includes('%')) return undefined
  // The URL parser's spelling: lower case, shortest, an IPv4 tail as two hexadecimal groups.
  const plain = new URL(`http://[${text}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(plain)
  if (mapped === null) return plain
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
