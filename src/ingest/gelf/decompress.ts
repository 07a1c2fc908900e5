import { crc32, inflateRawSync, inflateSync } from 'node:zlib'

import { MAX_DECOMPRESSED_BYTES } from '../normalise/limits.ts'
import type { Rejection } from '../source.ts'

/** Messages are small: a chunk of this size costs less than zlib's default. */
const CHUNK_BYTES = 4_096

/** Fixed part of a gzip header, and its trailer of checksum and length (RFC 1952). */
const GZIP_HEADER = 10
const GZIP_TRAILER = 8

/** Which compression the first two bytes announce: that alone decides, as for GELF. */
export function compressionOf(bytes: Uint8Array): 'gzip' | 'zlib' | undefined {
  const first = bytes[0] ?? 0
  const second = bytes[1] ?? 0
  if (first === 0x1f && second === 0x8b) return 'gzip'
  // RFC 1950: method 8, a window of at most 32 KiB, both bytes together a multiple of 31.
  const isZlib = (first & 0x0f) === 8 && first >> 4 <= 7 && ((first << 8) | second) % 31 === 0
  return isZlib ? 'zlib' : undefined
}

/**
 * The text of a message or body: as it is, or unpacked. Strict (row U3): one stream and nothing
 * behind it, checksums right, no preset dictionary; at most 1 MiB comes out, and a bomb is given
 * up at that size. Synchronous: a thread-pool round trip costs more than unpacking a datagram.
 */
export function unpack(bytes: Buffer): Buffer | Rejection {
  const compression = compressionOf(bytes)
  if (compression === undefined) return isUnknown(bytes[0] ?? 0x20) ? 'encoding' : bytes
  try {
    return (compression === 'gzip' ? gunzip(bytes) : inflate(bytes)) ?? 'encoding'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'bomb' : 'encoding'
  }
}

/** A control character begins neither JSON nor anything we unpack. */
function isUnknown(first: number): boolean {
  return first < 0x20 && first !== 0x09 && first !== 0x0a && first !== 0x0d
}

function inflate(bytes: Buffer): Buffer | undefined {
  const { buffer, engine } = inflateSync(bytes, limits) as unknown as Inflated
  return engine.bytesWritten === bytes.length ? buffer : undefined
}

/**
 * By hand around the raw stream, because Node joins a second gzip member to the first without a
 * word (measured).
 */
function gunzip(bytes: Buffer): Buffer | undefined {
  const start = gzipBodyStart(bytes)
  if (start === undefined) return undefined
  const { buffer, engine } = inflateRawSync(bytes.subarray(start), limits) as unknown as Inflated
  const trailer = start + engine.bytesWritten
  if (trailer + GZIP_TRAILER !== bytes.length) return undefined
  const isRight =
    bytes.readUInt32LE(trailer) === crc32(buffer) &&
    bytes.readUInt32LE(trailer + 4) === buffer.length
  return isRight ? buffer : undefined
}

const limits = { maxOutputLength: MAX_DECOMPRESSED_BYTES, chunkSize: CHUNK_BYTES, info: true }

/** What zlib's synchronous functions return with `info: true`. */
interface Inflated {
  readonly buffer: Buffer
  /** `bytesWritten`: bytes of input that were consumed. */
  readonly engine: { readonly bytesWritten: number }
}

/** Where the deflate stream begins: behind the header and its optional parts. */
function gzipBodyStart(bytes: Buffer): number | undefined {
  if (bytes.length < GZIP_HEADER + GZIP_TRAILER || bytes[2] !== 8) return undefined
  const flags = bytes[3]!
  const hasReserved = (flags & 0xe0) !== 0
  if (hasReserved) return undefined
  let at = GZIP_HEADER
  if ((flags & 0x04) !== 0) at += 2 + bytes.readUInt16LE(at)
  // Name, then comment: each ends in a NUL byte.
  for (const bit of [0x08, 0x10]) {
    if ((flags & bit) === 0) continue
    const end = bytes.indexOf(0, at)
    if (end < 0) return undefined
    at = end + 1
  }
  if ((flags & 0x02) !== 0) at += 2
  return at + GZIP_TRAILER <= bytes.length ? at : undefined
}
