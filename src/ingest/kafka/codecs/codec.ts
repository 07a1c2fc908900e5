/**
 * One way of compression, as Kafka numbers them in a batch's attributes. Both functions are
 * synchronous: a batch is small, and a thread-pool round trip costs more than unpacking it.
 */
export interface Codec {
  readonly name: 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly type: number
  compress(bytes: Uint8Array): Buffer
  /** At most `maxBytes` come out; throws {@link CodecError} for more, or for what is no such data. */
  decompress(bytes: Buffer, maxBytes: number): Buffer
}

/** Compressed bytes that cannot be unpacked. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
  readonly reason: 'bomb' | 'damaged'

  constructor(reason: 'bomb' | 'damaged', message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

export function tooLarge(name: string, maxBytes: number): CodecError {
  return new CodecError('bomb', `${name}: unpacks to more than ${maxBytes} bytes`)
}

export function damaged(name: string, what: string, cause?: unknown): CodecError {
  return new CodecError('damaged', `${name}: ${what}`, cause)
}
