import type { Codec } from './codecs/codec.ts'
import { CodecError } from './codecs/codec.ts'
import { lz4 } from './codecs/lz4.ts'
import { snappy } from './codecs/snappy.ts'
import { standInFor } from './codecs/undecodable.ts'
import { gzip, zstd } from './codecs/zlib-codecs.ts'

/** Bytes that one batch may unpack to. Clients keep theirs to a few MiB before compression. */
const MAX_BATCH_BYTES = 33_554_432

/**
 * Bytes that one answer of a broker may unpack to, which is decoded in one turn of the event loop.
 * What is beyond is left as if the answer had ended there, and asked for again.
 */
const MAX_TURN_BYTES = 134_217_728

/** kafkajs's own name for a batch that is cut off: it keeps what came before and asks again. */
const CUT_OFF = 'KafkaJSPartialMessageError'

const CODECS: readonly Codec[] = [gzip, snappy, lz4, zstd]

/** kafkajs's table of codecs (`CompressionCodecs`), by their number. */
export type CodecRegistry = Record<number, () => KafkajsCodec>

interface KafkajsCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

export interface CodecOptions {
  /** Runs a task when this turn of the event loop is over (`setImmediate`). */
  readonly afterTurn: (task: () => void) => void
  /** Replaced in tests. */
  readonly maxBatchBytes?: number
  readonly maxTurnBytes?: number
}

/**
 * Puts all codecs into kafkajs, which brings only gzip, and that without a limit. Tests each one
 * first; throws when one fails: a consumer that meets a batch it cannot read must not start.
 *
 * A batch that cannot be unpacked, or only to more than 32 MiB, becomes records that say so
 * (`undecodable.ts`).
 */
export function registerCodecs(registry: CodecRegistry, options: CodecOptions): void {
  for (const codec of CODECS) selfTest(codec)
  const budget = new TurnBudget(options.maxTurnBytes ?? MAX_TURN_BYTES, options.afterTurn)
  const maxBatchBytes = options.maxBatchBytes ?? MAX_BATCH_BYTES
  for (const codec of CODECS) {
    const entry: KafkajsCodec = {
      // oxlint-disable-next-line require-await -- kafkajs awaits it; a throw must become a rejection.
      compress: async ({ buffer }) => codec.compress(buffer),
      // oxlint-disable-next-line require-await -- as above.
      decompress: async (bytes) => {
        if (budget.isSpent) throw cutOff()
        const plain = unpack(codec, bytes, maxBatchBytes)
        budget.spend(plain.length)
        return plain
      },
    }
    registry[codec.type] = () => entry
  }
}

function unpack(codec: Codec, bytes: Buffer, maxBytes: number): Buffer {
  try {
    return codec.decompress(bytes, maxBytes)
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    const standIn = standInFor(bytes, error)
    if (standIn === undefined) throw error
    return standIn
  }
}

/** How much may still be unpacked in this turn. The batch that passes the limit is the last. */
class TurnBudget {
  readonly #max: number
  readonly #afterTurn: (task: () => void) => void
  #spent = 0

  constructor(max: number, afterTurn: (task: () => void) => void) {
    this.#max = max
    this.#afterTurn = afterTurn
  }

  get isSpent(): boolean {
    return this.#spent >= this.#max
  }

  spend(bytes: number): void {
    if (this.#spent === 0) this.#afterTurn(() => (this.#spent = 0))
    this.#spent += bytes
  }
}

function cutOff(): Error {
  const error = new Error('the rest of this answer is read with the next one')
  error.name = CUT_OFF
  return error
}

/** A text that repeats and one that does not, so that matches and literals both occur. */
const SAMPLE = Buffer.from(
  `${'{"level":3,"message":"payment refused","user":"ann"}\n'.repeat(40)}Grüße 0123456789 zyxwv`,
)

/**
 * A record that says `tocsin` five times as other programs pack it (gzip: librdkafka, the others:
 * Kafka's console producer), so that reading is not only measured against our own writing.
 */
const WRITTEN_BY_OTHERS: Readonly<Record<Codec['name'], string>> = {
  gzip: 'H4sIAAAAAAAAAwtgYGBgdCnJTy7OzFPAQzEEMDAwEauQhSiFAN0E+ER7AAAA',
  snappy: 'glNOQVBQWQAAAAABAAAAAQAAABQpMFAAAAABRHRvY3NpbiBqBwAAAA==',
  lz4: 'BCJNGGBAghcAAADfUAAAAAFEdG9jc2luIAcABFBjc2luAAAAAAA=',
  zstd: 'KLUv/QBYpAAAcFAAAAABRHRvY3NpbiAAAQAKyxcBAAA=',
}

/** Throws when a codec does not read what others and itself write, or ignores its limit. */
export function selfTest(codec: Codec): void {
  const fail = (what: string, cause?: unknown): never => {
    const message =
      `Kafka's compression "${codec.name}" failed its self-test: ${what}. ` +
      'Records would be lost, so nothing is read. Run Tocsin on Node 24.15 or newer, with the packages of its lock file'
    throw new Error(message, { cause })
  }
  const foreign = Buffer.from(WRITTEN_BY_OTHERS[codec.name], 'base64')
  try {
    if (!codec.decompress(foreign, 1_024).includes('tocsin')) fail('another text came out')
    const packed = codec.compress(SAMPLE)
    if (!codec.decompress(packed, SAMPLE.length).equals(SAMPLE)) fail('its own text was changed')
  } catch (error) {
    fail((error as Error).message, error)
  }
  try {
    codec.decompress(codec.compress(SAMPLE), SAMPLE.length - 1)
  } catch (error) {
    if (error instanceof CodecError && error.reason === 'bomb') return
    fail(`a limit was met with "${(error as Error).message}"`, error)
  }
  fail('it unpacks beyond its limit')
}
