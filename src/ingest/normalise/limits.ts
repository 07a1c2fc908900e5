/**
 * The hard limits of the intake (reference reliability §4, rows U, G, T, H): in force from the
 * first day, not settings. Every one that is reached rejects the record with a named reason or
 * flags it; nothing is shortened or dropped in silence (I2).
 */

/** Bytes of one framed message: a TCP frame, a reassembled UDP message. 1 MiB. */
export const MAX_FRAME_BYTES = 1_048_576

/** Bytes a compressed message or HTTP body may unfold to. 1 MiB, so a bomb costs about 1 ms. */
export const MAX_DECOMPRESSED_BYTES = 1_048_576

/** Bytes of an HTTP request body as sent. 1 MiB. */
export const MAX_BODY_BYTES = 1_048_576

/** Messages of one HTTP request. */
export const MAX_BULK_MESSAGES = 5_000

/** Chunks of one GELF UDP message: the format's own limit. */
export const MAX_CHUNKS = 128

/** Levels of nesting, the message itself being the first. */
export const MAX_DEPTH = 32

/** Members of the message, doubles included. */
export const MAX_FIELDS = 512

/** Bytes of a member's name as written. */
export const MAX_KEY_BYTES = 256

/** UTF-8 bytes of a value; a longer one is cut at a character's end and flagged `value_cut`. */
export const MAX_VALUE_BYTES = 32_768
