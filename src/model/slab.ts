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
  /** One time for all records of the slab, ms UTC. */
  readonly receivedMs: number
  /** The request that brought it, where its sender may send it again; kept with its records. */
  readonly request?: KeptRequest | undefined
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

/** `input@epoch`: a journal partition belongs to one input and one writer (design §4.5). */
export function partitionId(input: string, epoch: number): string {
  return `${input}@${epoch}`
}

/** The input's name of a partition id. */
export function inputOfPartition(partition: string): string {
  const at = partition.lastIndexOf('@')
  return at < 0 ? partition : partition.slice(0, at)
}

/** The writer's epoch of a partition id; 0 when it names none. */
export function epochOfPartition(partition: string): number {
  const epoch = Number(partition.slice(inputOfPartition(partition).length + 1))
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
