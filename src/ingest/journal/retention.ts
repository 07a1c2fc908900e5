import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '../../model/occurrence.ts'
import type { RemovedSegment } from './journal.ts'
import {
  isDamage,
  listSegments,
  segmentFiles,
  segmentName,
  segmentPath,
  segmentSizeBytes,
  type Span,
} from './segment.ts'
import { SegmentReader } from './segment-reader.ts'

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

interface RetentionOptions extends RetentionLimits {
  readonly folder: string
  readonly report: Report
  readonly onDamage: (no: number, error: unknown) => void
}

/** Removes whole segments; remembers what the sealed ones hold. */
export class Retention {
  readonly #options: RetentionOptions
  readonly #spans = new Map<number, readonly Span[]>()
  #heldSegment: number | undefined

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** Yields each segment once it is gone. Throws the system's error when one cannot be removed. */
  *removeOld(below: ReadonlyMap<string, number>, nowMs: number): Iterable<RemovedSegment> {
    const { folder, report } = this.#options
    const segments = listSegments(folder).map((no) => ({
      no,
      sizeBytes: segmentSizeBytes(folder, no),
    }))
    const limits = { ...this.#options, below, nowMs }
    const plan = planRetention(segments, (no) => this.#contentOf(no), limits)
    if (plan.held !== undefined && plan.held !== this.#heldSegment) {
      report({ name: 'journal.retention_held', detail: { segment: segmentName(plan.held) } })
    }
    this.#heldSegment = plan.held
    for (const [i, { no, cause }] of plan.remove.entries()) {
      unlinkSegment(folder, no)
      this.#spans.delete(no)
      const removed = { segment: segmentName(no), cause, sizeBytes: segments[i]!.sizeBytes }
      report({ name: 'journal.segment_removed', detail: removed })
      yield removed
    }
  }

  #contentOf(no: number): SegmentContent {
    const { folder, onDamage } = this.#options
    const known = this.#spans.get(no)
    if (known !== undefined) return { kind: 'readable', spans: known }
    try {
      const segment = SegmentReader.open(folder, no)
      if (segment === undefined) return { kind: 'readable', spans: [] }
      try {
        const spans = segment.spans()
        if (segment.isSealed) this.#spans.set(no, spans)
        return { kind: 'readable', spans }
      } finally {
        segment.close()
      }
    } catch (error) {
      if (!isDamage(error)) throw error
      onDamage(no, error)
      return { kind: 'damaged', changedMs: statSync(segmentPath(folder, no)).mtimeMs }
    }
  }
}

/** A segment as retention sees it. */
interface KeptSegment {
  readonly no: number
  readonly sizeBytes: number
}

/** What a segment holds, asked only of those that come into question. */
type SegmentContent =
  | { readonly kind: 'readable'; readonly spans: readonly Span[] }
  /** Nothing of it can be read, so nobody can need it: it goes by the age of its file. */
  | { readonly kind: 'damaged'; readonly changedMs: number }

interface RetentionPlan {
  readonly remove: readonly { readonly no: number; readonly cause: 'age' | 'size' }[]
  /** A segment past a limit that must stay, since a checkpoint or an unread file needs it. */
  readonly held: number | undefined
}

/**
 * Which segments go: oldest first, as long as the oldest is past a limit and holds nothing at or
 * above `below`. Only a run from the oldest on is removed, so what is kept has no hole; the
 * newest segment stays, since it is being written.
 */
function planRetention(
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
function unlinkSegment(folder: string, no: number): void {
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
