import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'

/**
 * What the kernel has dropped at a UDP socket since it was opened, because its buffer was full:
 * the last column of `/proc/net/udp` (Linux, `Documentation/networking/proc_net_tcp`). Sockets that
 * share the address (`SO_REUSEPORT`) are taken together. `undefined` where the system does not tell.
 */
export function kernelDrops(address: { address: string; port: number }): number | undefined {
  const isV6 = isIPv6(address.address)
  let table: string
  try {
    table = readFileSync(isV6 ? '/proc/net/udp6' : '/proc/net/udp', 'latin1')
  } catch {
    return undefined
  }
  return dropsIn(table, address)
}

/** The same from the text of the table. An IPv6 socket is known by its port alone. */
export function dropsIn(
  table: string,
  { address, port }: { address: string; port: number },
): number | undefined {
  const host = isIPv6(address) ? '' : littleEndian(address)
  const local = `${host}:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops: number | undefined
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    if (columns[1]?.endsWith(local) === true) drops = (drops ?? 0) + Number(columns.at(-1))
  }
  return drops
}

/** `127.0.0.1` as the kernel prints it on a little-endian machine: `0100007F`. */
function littleEndian(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))
  return bytes.toReversed().join('').toUpperCase()
}
