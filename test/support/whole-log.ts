import { DatabaseSync } from 'node:sqlite'

import { openJournalReader } from '../../src/ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CommitEntry, LedgerDelta, LogBody } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { activate, correlate, passTime } from '../../src/pipeline.ts'
import { createEngine } from '../../src/rules/engine.ts'
import { PartitionTracker } from '../../src/rules/partition-tracker.ts'
import { LoadedRules } from '../../src/threads/core/loaded-rules.ts'
import { Rematch } from '../../src/threads/core/rematch.ts'
import { databaseFile, journalFolder } from '../../src/threads/thread-settings.ts'

/**
 * Keeps a copy of every entry of the input log from now on: `records` entries go once a checkpoint
 * covers them. Call while nothing is committed.
 */
export function keepWholeLog(data: string): void {
  const database = new DatabaseSync(databaseFile({ data }))
  database.exec('CREATE TABLE whole_log AS SELECT * FROM input_log WHERE 0')
  database.exec(`
    CREATE TRIGGER keep_whole_log AFTER INSERT ON input_log BEGIN
      INSERT INTO whole_log SELECT * FROM input_log WHERE shard = NEW.shard AND no = NEW.no;
    END`)
  database.close()
}

/** What an engine that knows nothing answers to every entry, records read from the journal. */
export function runWholeLog(
  data: string,
  source: RulesetSource,
): {
  readonly changes: readonly EpisodeChange[]
  readonly ledger: readonly LedgerDelta[]
  readonly kinds: ReadonlySet<LogBody['kind']>
  readonly entries: number
  /** Entries whose answer has another hash than the one that is stored. */
  readonly differences: number
} {
  const database = new DatabaseSync(databaseFile({ data }), { readOnly: true })
  const rows = database
    .prepare('SELECT no, body, effects_hash AS hash FROM whole_log ORDER BY no')
    .all() as unknown as { no: number; body: string; hash: string }[]
  database.close()
  const journal = openJournalReader({ folder: journalFolder({ data }), report: () => undefined })
  const answers: CommitEntry[] = []
  let differences = 0
  const run = freshRun(source, new Rematch(journal, new GelfEvent()))
  for (const { no, body, hash } of rows) {
    const answer = run(JSON.parse(body) as LogBody, no)
    if (answer.effectsHash !== hash) differences++
    answers.push(answer)
  }
  journal.close()
  return {
    changes: answers.flatMap(({ effects }) => effects.episodes),
    ledger: answers.flatMap(({ effects }) => effects.ledger),
    kinds: new Set(answers.map(({ body }) => body.kind)),
    entries: rows.length,
    differences,
  }
}

/** One rule set from the first entry to the last. */
function freshRun(
  source: RulesetSource,
  rematch: Rematch,
): (body: LogBody, no: number) => CommitEntry {
  const rules = new LoadedRules(source)
  const partitions = new PartitionTracker([], (input) => rules.timing(input))
  const reorderOf = (input: string): number => rules.timing(input).reorderMs
  const engine = createEngine({ ruleset: rules.ruleset, reorderOf })
  return (body, no) => {
    if (body.kind === 'clock') return passTime(engine, partitions, body, no)
    if (body.kind === 'rules') return activate(engine, partitions, body, no)
    if (body.kind !== 'records') throw new Error(`no ${body.kind} entry was expected`)
    const { partition, from, to, nowMs, ruleset } = body
    const matches = rematch.read(partition, { from, to }, (input) => {
      return { matcher: rules.matcher(input), ruleset: rules.hash }
    })
    return correlate(engine, partitions, { partition, from, matches }, { nowMs, ruleset, no })
  }
}
