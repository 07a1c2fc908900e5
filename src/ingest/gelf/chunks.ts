import type { Clock } from '../../lib/clock.ts'
import { MAX_CHUNKS, MAX_FRAME_BYTES } from '../normalise/limits.ts'
import type { Rejection } from '../source.ts'

/** Magic (2), message id (8), number from 0 (1), count (1). */
const HEADER_BYTES = 12

/** GELF: a message whose chunks are not all there after five seconds is given up. */
const EXPIRY_MS = 5_000

/** What a kept chunk costs beside its bytes, so that a flood of empty ones meets the bounds too. */
const CHUNK_OVERHEAD_BYTES = 128

const LIMITS = {
  setsPerSource: 64,
  bytesPerSource: 4 * 1_048_576,
  sets: 4_096,
  bytes: 64 * 1_048_576,
}

export interface ChunkSource {
  readonly address: string
  readonly port: number
}

export interface ChunkAssemblerOptions {
  readonly clock: Clock
  readonly onRejected: (reason: Rejection) => void
  readonly limits?: typeof LIMITS
}

interface ChunkSet {
  readonly key: string
  readonly address: string
  readonly firstMs: number
  readonly chunks: (Buffer | undefined)[]
  missing: number
  textBytes: number
  costBytes: number
}

interface SourceSets {
  readonly sets: Set<ChunkSet>
  costBytes: number
}

/** Whether a datagram says that it is a chunk. */
export function isChunk(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1e && bytes[1] === 0x0f
}

/**
 * Puts GELF UDP messages together from their chunks.
 *
 * 1. A set belongs to one socket (address, port) and message id: two senders that use one id have
 *    two sets (a Graylog mixes them).
 * 2. Sets and bytes are bounded per address and in all; at a bound the oldest set goes, first of
 *    the same address, so a flood costs its sender.
 * 3. A set whose chunks contradict each other is given up whole, never guessed.
 * 4. Every set that does not become a message is counted once.
 */
export class ChunkAssembler {
  readonly #options: ChunkAssemblerOptions
  readonly #limits: typeof LIMITS
  /** In order of their first chunk, which is the order in which they expire. */
  readonly #sets = new Map<string, ChunkSet>()
  readonly #sources = new Map<string, SourceSets>()
  #costBytes = 0

  constructor(options: ChunkAssemblerOptions) {
    this.#options = options
    this.#limits = options.limits ?? LIMITS
  }

  get openSets(): number {
    return this.#sets.size
  }

  get heldBytes(): number {
    return this.#costBytes
  }

  /** Takes a chunk; the whole message when it was the last one missing. */
  add(datagram: Buffer, source: ChunkSource): Buffer | undefined {
    this.expire()
    const number = datagram[10] ?? 0
    const count = datagram[11] ?? 0
    const key = `${source.address}|${source.port}|${datagram.toString('latin1', 2, 10)}`
    const known = this.#sets.get(key)
    if (datagram.length < HEADER_BYTES || count === 0 || count > MAX_CHUNKS || number >= count) {
      return this.#giveUp(known, 'chunk')
    }
    if (known !== undefined && known.chunks.length !== count) return this.#giveUp(known, 'chunk')
    const part = datagram.subarray(HEADER_BYTES)
    const before = known?.chunks[number]
    if (before !== undefined) return before.equals(part) ? undefined : this.#giveUp(known, 'chunk')
    if (count === 1) return part

    const set = known ?? this.#open(key, source.address, count)
    this.#keep(set, number, part)
    if (set.textBytes > MAX_FRAME_BYTES) return this.#giveUp(set, 'too_long')
    if (set.missing > 0) {
      this.#makeRoom(set)
      return undefined
    }
    this.#remove(set)
    return Buffer.concat(set.chunks as Buffer[], set.textBytes)
  }

  /** Gives up what is too old; called with every chunk and by a timer. */
  expire(): void {
    const beforeMs = this.#options.clock() - EXPIRY_MS
    for (const set of this.#sets.values()) {
      if (set.firstMs >= beforeMs) return
      this.#giveUp(set, 'chunk_expired')
    }
  }

  #open(key: string, address: string, count: number): ChunkSet {
    const set: ChunkSet = {
      key,
      address,
      firstMs: this.#options.clock(),
      chunks: Array.from({ length: count }, () => undefined),
      missing: count,
      textBytes: 0,
      costBytes: 0,
    }
    this.#sets.set(key, set)
    let ofSource = this.#sources.get(address)
    if (ofSource === undefined)
      this.#sources.set(address, (ofSource = { sets: new Set(), costBytes: 0 }))
    ofSource.sets.add(set)
    return set
  }

  #keep(set: ChunkSet, number: number, part: Buffer): void {
    const cost = part.length + CHUNK_OVERHEAD_BYTES
    set.chunks[number] = part
    set.missing--
    set.textBytes += part.length
    set.costBytes += cost
    this.#sources.get(set.address)!.costBytes += cost
    this.#costBytes += cost
  }

  #makeRoom(newest: ChunkSet): void {
    const { setsPerSource, bytesPerSource, sets, bytes } = this.#limits
    const ofSource = this.#sources.get(newest.address)!
    while (ofSource.sets.size > setsPerSource || ofSource.costBytes > bytesPerSource) {
      this.#giveUp(first(ofSource.sets), 'chunk_overflow')
    }
    while (this.#sets.size > sets || this.#costBytes > bytes) {
      // A source's own oldest goes first; one that holds nothing else takes from the oldest of all.
      const oldest = ofSource.sets.size > 1 ? first(ofSource.sets) : first(this.#sets.values())
      this.#giveUp(oldest, 'chunk_overflow')
      if (oldest === newest) return
    }
  }

  #giveUp(set: ChunkSet | undefined, reason: Rejection): undefined {
    if (set !== undefined) this.#remove(set)
    this.#options.onRejected(reason)
  }

  #remove(set: ChunkSet): void {
    this.#sets.delete(set.key)
    this.#costBytes -= set.costBytes
    const ofSource = this.#sources.get(set.address)!
    ofSource.sets.delete(set)
    ofSource.costBytes -= set.costBytes
    if (ofSource.sets.size === 0) this.#sources.delete(set.address)
  }
}

function first(sets: Iterable<ChunkSet>): ChunkSet {
  const { value } = sets[Symbol.iterator]().next()
  return value as ChunkSet
}
