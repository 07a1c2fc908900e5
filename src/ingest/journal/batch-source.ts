import type { SlabSource } from '../../model/slab.ts'

/**
 * Where a slab was read from, as bytes: its length (4, little endian), then JSON
 * `[to, [[ordinal, reason], …], time, difference to the time before, …]`. Differences, because
 * most are 0 to 3 digits and the whole is compressed with the records.
 */
export function encodeSource({ to, times, poison }: SlabSource): Uint8Array {
  const values: unknown[] = [to, poison.map(({ ordinal, reason }) => [ordinal, reason])]
  let before = 0
  for (const time of times) {
    values.push(time - before)
    before = time
  }
  const text = Buffer.from(JSON.stringify(values))
  const bytes = Buffer.allocUnsafe(4 + text.length)
  bytes.writeUInt32LE(text.length)
  text.copy(bytes, 4)
  return bytes
}

/** The source again, and where it ends. Throws when the bytes are not such a source. */
export function decodeSource(
  bytes: Uint8Array,
  count: number,
): { readonly source: SlabSource; readonly end: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = 4 + buffer.readUInt32LE(0)
  const values = JSON.parse(buffer.toString('utf8', 4, end)) as unknown[]
  const [to, poison, ...differences] = values as [number, [number, string][], ...number[]]
  if (!Number.isSafeInteger(to) || differences.length !== count) {
    throw new Error(`expected an offset and ${count} times`)
  }
  const times = new Float64Array(count)
  let time = 0
  for (const [i, difference] of differences.entries()) times[i] = time += difference
  const unread = poison.map(([ordinal, reason]) => ({ ordinal, reason }))
  return { source: { to, times, poison: unread }, end }
}
