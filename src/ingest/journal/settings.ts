import { z } from 'zod'
import { BYTE_SIZE_EXPECTED, parseByteSize } from '../../model/byte-size.ts'
import { DURATION_EXPECTED, parseDuration } from '../../model/duration.ts'

/** Smaller segments would be mostly overhead, and there would be too many files. */
const SEGMENT_BYTES = { min: 1024 * 1024, max: 16 * 1024 ** 3 } as const
const SEGMENT_MS = { min: 1_000 } as const

/**
 * `journal:` of tocsin.yaml. Read as the options of the same names of `openJournalWriter`, so the
 * result can be handed on as it is.
 */
export const journalSchema = z
  .strictObject({
    /** A segment whose newest record is older goes, unless a checkpoint still needs it. */
    max_age: durationSchema({ min: 1 }).prefault('7d'),
    /** The oldest segments go when all together are larger. */
    max_size: byteSizeSchema({ min: 1 }).prefault('50GB'),
    segment_size: byteSizeSchema(SEGMENT_BYTES).prefault('256MiB'),
    segment_age: durationSchema(SEGMENT_MS).prefault('1h'),
  })
  .transform((journal) => ({
    maxAgeMs: journal.max_age,
    maxBytes: journal.max_size,
    maxSegmentBytes: journal.segment_size,
    maxSegmentMs: journal.segment_age,
  }))

/** Limits of the journal in force. */
export type JournalSettings = z.output<typeof journalSchema>

function durationSchema(bounds: { readonly min: number }) {
  return z.string().transform((text, context) => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms >= bounds.min) return ms
    context.addIssue({
      code: 'custom',
      message: `"${text}": expected ${DURATION_EXPECTED}, at least ${bounds.min} ms`,
    })
    return z.NEVER
  })
}

function byteSizeSchema(bounds: { readonly min: number; readonly max?: number }) {
  const { min, max = Number.MAX_SAFE_INTEGER } = bounds
  return z.string().transform((text, context) => {
    const bytes = parseByteSize(text)
    if (bytes !== undefined && bytes >= min && bytes <= max) return bytes
    context.addIssue({
      code: 'custom',
      message: `"${text}": expected ${BYTE_SIZE_EXPECTED}, from ${min} to ${max} bytes`,
    })
    return z.NEVER
  })
}
