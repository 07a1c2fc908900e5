import type { Rejection } from '../source.ts'

/** One record of a topic as the client hands it over. */
export interface KafkaRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The record's own time: when it was made, or appended, as the topic says. ms UTC. */
  readonly timestampMs: number
  readonly key: Uint8Array | null
  /** `null`: a tombstone. */
  readonly value: Uint8Array | null
  /** In their order, repeated names included. */
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
}

/**
 * What a record holds: GELF messages as JSON text (none of a tombstone, several of a batch), or
 * why it cannot be read. Never throws for what a sender wrote.
 */
export type Decoded =
  | { readonly messages: readonly Uint8Array[] }
  | { readonly rejection: Rejection }

/** One per topic, made from its format; see `formats.ts`. */
export type Decode = (record: KafkaRecord) => Decoded
