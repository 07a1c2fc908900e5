import type { LogBody } from '../../model/commit.ts'
import { openReader } from './connection.ts'
import { prepare } from './statement.ts'
import type { Statement } from './statement.ts'

/** An entry of the input log that says how time passed. */
export type ClockBody = LogBody & { readonly kind: 'clock' }

/** Entries read at a time, so that the core's log is never held open for long. */
const PAGE = 500

/**
 * The `clock` entries of an input log in their order, read beside the core from any process; a
 * backtest of the journal sees time pass as it did (design §4.1). Throws when the file is no
 * database of ours.
 */
export function openClockEntries(
  file: string,
  shard = 'main',
): {
  /** Those with numbers from … to (exclusive), of all by default. */
  readonly entries: (from?: number, to?: number) => Iterable<ClockBody>
  readonly close: () => void
} {
  const database = openReader(file)
  try {
    const page = prepare<EntryRow>(
      database,
      `SELECT no, body FROM input_log
       WHERE shard = ? AND kind = 'clock' AND kind <> 'records' AND no >= ? AND no < ?
       ORDER BY no LIMIT ${PAGE}`,
    )
    return {
      entries: (from = 0, to = Number.MAX_SAFE_INTEGER) => entriesOf(page, shard, { from, to }),
      close: () => database.close(),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

interface EntryRow {
  readonly no: number
  readonly body: string
}

function* entriesOf(
  page: Statement<EntryRow>,
  shard: string,
  range: { readonly from: number; readonly to: number },
): Generator<ClockBody> {
  let { from } = range
  for (;;) {
    const rows = page.all(shard, from, range.to)
    for (const { body } of rows) yield JSON.parse(body) as ClockBody
    if (rows.length < PAGE) return
    from = rows.at(-1)!.no + 1
  }
}
