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
): { readonly entries: Iterable<ClockBody>; readonly close: () => void } {
  const database = openReader(file)
  try {
    const page = prepare<EntryRow>(
      database,
      `SELECT no, body FROM input_log WHERE shard = ? AND kind = 'clock' AND kind <> 'records' AND no > ?
       ORDER BY no LIMIT ${PAGE}`,
    )
    return { entries: entriesOf(page, shard), close: () => database.close() }
  } catch (error) {
    database.close()
    throw error
  }
}

interface EntryRow {
  readonly no: number
  readonly body: string
}

function* entriesOf(page: Statement<EntryRow>, shard: string): Generator<ClockBody> {
  let last = 0
  for (;;) {
    const rows = page.all(shard, last)
    for (const { body } of rows) yield JSON.parse(body) as ClockBody
    if (rows.length < PAGE) return
    last = rows.at(-1)!.no
  }
}
