import { gunzipSync } from 'node:zlib'

const BLOCK = 512

/** The plain files of a .tar.gz by path, as POSIX ustar lays them out; enough for our corpora. */
export function readTarGz(packed: Uint8Array): Map<string, Buffer> {
  const bytes = gunzipSync(packed)
  const files = new Map<string, Buffer>()
  for (let at = 0; at + BLOCK <= bytes.length;) {
    const text = (from: number, length: number) =>
      bytes.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '')
    const name = text(0, 100)
    if (name === '') break
    const size = Number.parseInt(text(124, 12), 8)
    const isFile = ['0', ''].includes(text(156, 1))
    const start = at + BLOCK
    if (isFile) files.set(text(345, 155) + name, bytes.subarray(start, start + size))
    at = start + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}
