import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

import { damaged, tooLarge } from './codec.ts'
import type { Codec } from './codec.ts'

export const gzip: Codec = {
  name: 'gzip',
  type: 1,
  compress: (bytes) => gzipSync(bytes),
  decompress: (bytes, maxBytes) => bounded('gzip', maxBytes, gunzipSync, bytes),
}

export const zstd: Codec = {
  name: 'zstd',
  type: 4,
  compress: (bytes) => zstdCompressSync(bytes),
  decompress: (bytes, maxBytes) => bounded('zstd', maxBytes, zstdDecompressSync, bytes),
}

/** Node gives a bomb up as soon as it passes the limit. */
function bounded(
  name: Codec['name'],
  maxBytes: number,
  unpack: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer,
  bytes: Buffer,
): Buffer {
  try {
    return unpack(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name, maxBytes)
    throw damaged(name, message, error)
  }
}
