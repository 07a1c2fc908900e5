/**
 * What one read delivered: whole records back to back, in the order of arrival. Bytes stay bytes;
 * nothing is an object before a rule can match.
 */
export interface Slab {
  /** Journal partition, `input@epoch`. */
  readonly partition: string
  /** Intake thread that made it; `seq` counts per (partition, thread) from 0. */
  readonly thread: number
  readonly seq: number
  readonly bytes: Uint8Array
  /** `count + 1` byte offsets: record i is `bytes[offsets[i] … offsets[i + 1])`. */
  readonly offsets: Uint32Array
  /** One time for all records of the slab, ms UTC; of a source's records the least of theirs. */
  readonly receivedMs: number
  /** Where its records stand in the log that they were read from; sockets have none. */
  readonly source?: SlabSource
  /** The request that brought it, where its sender may send it again; kept with its records. */
  readonly request?: KeptRequest | undefined
}

/**
 * A slab that was read from a log with offsets of its own (a Kafka partition). Kept with the
 * records, so that how far that log was read is durable exactly when they are.
 */
export interface SlabSource {
  /** Offset to read next, once this slab is durable: what it skips held no records. */
  readonly to: number
  /** `received` of each record: the lower of its own time in that log and our clock. ms UTC. */
  readonly times: Float64Array
  /** Records that could not be read: kept as they came, seen by no rule. By ordinal, ascending. */
  readonly poison: readonly { readonly ordinal: number; readonly reason: string }[]
}

/** What is remembered of a request that has an `Idempotency-Key`. */
export interface KeptRequest {
  /** SHA-256 of the key. */
  readonly key: Uint8Array
  /** SHA-256 of the body and of what else decides the answer. */
  readonly body: Uint8Array
  /** What it was answered, JSON. */
  readonly answer: string
}

export function slabCount(slab: Pick<Slab, 'offsets'>): number {
  return slab.offsets.length - 1
}

/** The journal's answer: the slab is on disk, its records are `firstPosition …` of the partition. */
export interface Durable {
  readonly partition: string
  readonly thread: number
  readonly seq: number
  readonly count: number
  readonly firstPosition: number
}

/**
 * `input@epoch`: a journal partition belongs to one input and one writer (design §4.5). What is
 * read from a log of its own is kept apart by that log: `input#log@epoch`.
 */
export function partitionId(input: string, epoch: number, log?: string): string {
  return log === undefined ? `${input}@${epoch}` : `${input}#${log}@${epoch}`
}

/** The input's name of a partition id. */
export function inputOfPartition(partition: string): string {
  const stem = stemOfPartition(partition)
  const hash = stem.indexOf('#')
  return hash < 0 ? stem : stem.slice(0, hash)
}

/** The log that a partition's records were read from; `undefined` for those of sockets. */
export function logOfPartition(partition: string): string | undefined {
  const stem = stemOfPartition(partition)
  const hash = stem.indexOf('#')
  return hash < 0 ? undefined : stem.slice(hash + 1)
}

/** A partition id without its writer: what its predecessors and successors share. */
export function stemOfPartition(partition: string): string {
  const at = partition.lastIndexOf('@')
  return at < 0 ? partition : partition.slice(0, at)
}

/** The writer's epoch of a partition id; 0 when it names none. */
export function epochOfPartition(partition: string): number {
  const epoch = Number(partition.slice(stemOfPartition(partition).length + 1))
  return Number.isSafeInteger(epoch) ? epoch : 0
}

/** `partition:position`, how one record is named in episodes, reports and evidence. */
export function recordRef(partition: string, position: number): string {
  return `${partition}:${position}`
}

/** Takes a record's name apart; `undefined` for a deadline (`t:…`) or anything malformed. */
export function parseRecordRef(
  ref: string,
): { readonly partition: string; readonly position: number } | undefined {
  const colon = ref.lastIndexOf(':')
  const position = Number(ref.slice(colon + 1))
  if (colon <= 0 || ref.startsWith('t:') || !Number.isSafeInteger(position)) return undefined
  return { partition: ref.slice(0, colon), position }
}
