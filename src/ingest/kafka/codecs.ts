import type { AnswerBudget } from './answer-budget.ts'
import type { Codec } from './codecs/codec.ts'
import { CodecError } from './codecs/codec.ts'
import { lz4 } from './codecs/lz4.ts'
import { snappy } from './codecs/snappy.ts'
import { gzip, zstd } from './codecs/zlib-codecs.ts'

/** Bytes that one batch may unpack to. Clients keep theirs to a few MiB before compression. */
const MAX_BATCH_BYTES = 33_554_432

const CODECS: readonly Codec[] = [gzip, snappy, lz4, zstd]

/** kafkajs's table of codecs (`CompressionCodecs`), by their number. */
export type CodecRegistry = Record<number, () => KafkajsCodec>

interface KafkajsCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

/**
 * Puts all codecs into kafkajs, which brings only gzip, and that without a limit. Tests each one
 * first; throws when one fails: a consumer that meets a batch it cannot read must not start. What
 * they throw themselves is a `CodecError`, which `kafkajs-decoding.ts` turns into a record.
 */
export function registerCodecs(
  registry: CodecRegistry,
  budget: AnswerBudget,
  maxBatchBytes = MAX_BATCH_BYTES,
): void {
  for (const codec of CODECS) selfTest(codec)
  for (const codec of CODECS) {
    const entry: KafkajsCodec = {
      compress: async ({ buffer }) => codec.compress(buffer),
      decompress: async (bytes) => {
        const plain = codec.decompress(bytes, maxBatchBytes)
        budget.spend({ bytes: plain.length })
        return plain
      },
    }
    registry[codec.type] = () => entry
  }
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
