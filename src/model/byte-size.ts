/** Decimal and binary units, as written; nothing else is taken for one of them. */
const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** What a size may look like, for messages. */
export const BYTE_SIZE_EXPECTED = 'a size such as "512MiB" or "50GB"'

/**
 * Bytes of a size such as `256MiB` or `50GB`: a whole number and a unit (`B`, `KB`, `MB`, `GB`,
 * `TB` of 1000, `KiB`, `MiB`, `GiB`, `TiB` of 1024). `undefined` for anything else, also for a
 * bare number: `50` says neither bytes nor gigabytes.
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,16})([KMGT]i?B|B)$/.exec(text)
  if (match === null) return undefined
  const bytes = Number(match[1]) * UNIT_BYTES[match[2]!]!
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The shortest text that {@link parseByteSize} reads back as the same number of bytes. */
export function formatByteSize(bytes: number): string {
  let best = `${bytes}B`
  for (const [unit, size] of Object.entries(UNIT_BYTES)) {
    if (bytes === 0 || bytes % size !== 0) continue
    const text = `${bytes / size}${unit}`
    if (text.length < best.length) best = text
  }
  return best
}
