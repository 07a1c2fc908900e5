/** What becomes of a match before it reaches a window. */
export type Admission = 'admitted' | 'late' | 'idle'

/**
 * Whether a match may still count (design §4.2). `late` is a pure function of the partition's own
 * log; `idle` is the refusal after an assumption: the rule went on without a silent partition.
 */
export function admit(match: {
  readonly timeMs: number
  /** Witnessed watermark of its own partition at its position. */
  readonly witnessedMs: number
  /** The rule's watermark before the slice. */
  readonly watermarkMs: number
  readonly lateByMs: number
}): Admission {
  if (match.timeMs < match.witnessedMs - match.lateByMs) return 'late'
  if (match.timeMs < match.watermarkMs - match.lateByMs) return 'idle'
  return 'admitted'
}
