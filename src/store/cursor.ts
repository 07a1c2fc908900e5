import { ProblemError } from '../model/problem.ts'

/** Rows that one page holds at most, whatever was asked for. */
const PAGE_MAX = 500

/**
 * An opaque place in a list that is read newest first: the number of the last row given, so that
 * rows which are added meanwhile neither repeat nor hide one.
 */
function encodeCursor(last: number): string {
  return Buffer.from(`c1:${last}`).toString('base64url')
}

/** Throws {@link ProblemError} for anything that {@link encodeCursor} did not make. */
export function decodeCursor(cursor: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('latin1')
  const last = /^c1:(\d{1,15})$/.exec(text)?.[1]
  if (last !== undefined && encodeCursor(Number(last)) === cursor) return Number(last)
  throw new ProblemError([
    {
      code: 'bad-cursor',
      severity: 'error',
      message: 'the cursor is not one that a page ended with: leave it out to start at the newest',
    },
  ])
}

/** How many rows to give, and one more to see whether there is a next page. */
export function pageSize(limit: number): { readonly size: number; readonly read: number } {
  const size = Math.max(1, Math.min(Math.trunc(limit) || 1, PAGE_MAX))
  return { size, read: size + 1 }
}

/** The page out of what was read with {@link pageSize}. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  size: number,
  place: (row: Row) => number,
  item: (row: Row) => Item,
): { items: Item[]; next: string | null } {
  const given = rows.slice(0, size)
  const hasMore = rows.length > size
  return {
    items: given.map(item),
    next: hasMore ? encodeCursor(place(given.at(-1)!)) : null,
  }
}
