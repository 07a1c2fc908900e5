import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { segmentFiles, type Span } from './segment.ts'

/** How long and how much the journal keeps, whole segments at a time. */
export interface RetentionLimits {
  readonly maxAgeMs: number
  readonly maxBytes: number
}

/** Design §10: 7 days or 50 GB. */
export const DEFAULT_RETENTION: RetentionLimits = {
  maxAgeMs: 7 * 24 * 3_600_000,
  maxBytes: 50_000_000_000,
}

/** A segment as retention sees it. */
export interface KeptSegment {
  readonly no: number
  readonly sizeBytes: number
}

/** What a segment holds, asked only of those that come into question. */
export type SegmentContent =
  | { readonly kind: 'readable'; readonly spans: readonly Span[] }
  /** Nothing of it can be read, so nobody can need it: it goes by the age of its file. */
  | { readonly kind: 'damaged'; readonly changedMs: number }

export interface RetentionPlan {
  readonly remove: readonly { readonly no: number; readonly cause: 'age' | 'size' }[]
  /** A segment past a limit that must stay, since a checkpoint or an unread file needs it. */
  readonly held: number | undefined
}

/**
 * Which segments go: oldest first, as long as the oldest is past a limit and holds nothing at or
 * above `below`. Only a run from the oldest on is removed, so what is kept has no hole; the
 * newest segment stays, since it is being written.
 */
export function planRetention(
  segments: readonly KeptSegment[],
  contentOf: (no: number) => SegmentContent,
  {
    below,
    nowMs,
    maxAgeMs,
    maxBytes,
  }: RetentionLimits & { readonly below: ReadonlyMap<string, number>; readonly nowMs: number },
): RetentionPlan {
  const remove: { no: number; cause: 'age' | 'size' }[] = []
  let totalBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  for (const segment of segments.slice(0, -1)) {
    const content = contentOf(segment.no)
    const isOld = newestMs(content) < nowMs - maxAgeMs
    const isTooMuch = totalBytes > maxBytes
    if (!isOld && !isTooMuch) break
    if (isNeeded(content, below)) return { remove, held: segment.no }
    remove.push({ no: segment.no, cause: isOld ? 'age' : 'size' })
    totalBytes -= segment.sizeBytes
  }
  return { remove, held: undefined }
}

/** Unlinks a segment; the database first, so that a kill half-way leaves no half segment. */
export function unlinkSegment(folder: string, no: number): void {
  for (const file of segmentFiles(folder, no)) rmSync(file, { force: true })
}

/** Removes what a kill between two unlinks left: a log without its database holds nothing. */
export function removeOrphans(folder: string): void {
  for (const name of readdirSync(folder)) {
    const match = /^(segment-\d{10,15}\.db)-(?:wal|shm)$/.exec(name)
    if (match === null || existsSync(join(folder, match[1]!))) continue
    rmSync(join(folder, name), { force: true })
  }
}

/** Latest receive time in the segment; an empty one is older than everything. */
function newestMs(content: SegmentContent): number {
  if (content.kind === 'damaged') return content.changedMs
  return content.spans.reduce(
    (latest, span) => Math.max(latest, span.maxReceivedMs),
    Number.NEGATIVE_INFINITY,
  )
}

function isNeeded(content: SegmentContent, below: ReadonlyMap<string, number>): boolean {
  if (content.kind === 'damaged') return false
  return content.spans.some(({ partition, next }) => next > (below.get(partition) ?? 0))
}
