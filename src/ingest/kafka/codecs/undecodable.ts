import type { CodecError } from './codec.ts'

const causes = new WeakMap<ArrayBufferLike, CodecError>()

/**
 * The value of a record that stands in for a whole batch that cannot be unpacked, so that the
 * consumer meets a record which it can put aside, and reads on; an error would end kafkajs, and
 * again after each restart. It is told apart by the memory it lies in, which no sender can forge.
 */
export function standIn(cause: CodecError): Buffer {
  const memory = new ArrayBuffer(1)
  causes.set(memory, cause)
  return Buffer.from(memory, 0, 0)
}

/** Why a record's value is a stand-in; `undefined` for one that a sender wrote. */
export function undecodable(value: Uint8Array | null): CodecError | undefined {
  return value?.length === 0 ? causes.get(value.buffer) : undefined
}
