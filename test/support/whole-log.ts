import { DatabaseSync } from 'node:sqlite'

import { openJournalReader } from '../../src/ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CommitEntry, LedgerDelta, LogBody } from '../../src/model/commit.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { activate, correlate, passTime } from '../../src/pipeline.ts'
import { createEngine } from '../../src/rules/engine.ts'
import type { Engine } from '../../src/rules/engine.ts'
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

/** A line of the log as {@link keepWholeLog} kept it. */
export interface KeptEntry {
  readonly no: number
  readonly body: LogBody
  /** Of the answer that was given then. */
  readonly hash: string
}

/** The entries from `from` on, from a database or a copy of one. */
export function readWholeLog(file: string, from = 0): KeptEntry[] {
  const database = new DatabaseSync(file)
  const rows = database
    .prepare('SELECT no, body, effects_hash AS hash FROM whole_log WHERE no >= ? ORDER BY no')
    .all(from) as unknown as { no: number; body: string; hash: string }[]
  database.close()
  return rows.map(({ no, body, hash }) => ({ no, body: JSON.parse(body) as LogBody, hash }))
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
  const entries = readWholeLog(databaseFile({ data }))
  const journal = openJournalReader({ folder: journalFolder({ data }), report: () => undefined })
  const rematch = new Rematch(journal, new GelfEvent())
  const run = new UninterruptedRun(source)
  const answers = entries.map((entry) => ({ entry, answer: run.apply(entry, rematch) }))
  journal.close()
  return {
    changes: answers.flatMap(({ answer: { effects } }) => effects.episodes),
    ledger: answers.flatMap(({ answer: { effects } }) => effects.ledger),
    kinds: new Set(answers.map(({ answer: { body } }) => body.kind)),
    entries: entries.length,
    differences: answers.filter(({ entry, answer }) => answer.effectsHash !== entry.hash).length,
  }
}

/** One engine and one rule set, from the first entry to the last. */
export class UninterruptedRun {
  readonly partitions: PartitionTracker
  readonly engine: Engine
  readonly #rules: LoadedRules

  constructor(source: RulesetSource) {
    const rules = new LoadedRules(source)
    this.#rules = rules
    this.partitions = new PartitionTracker([], (input) => rules.timing(input))
    const reorderOf = (input: string): number => rules.timing(input).reorderMs
    this.engine = createEngine({ ruleset: rules.ruleset, reorderOf })
  }

  apply({ body, no }: Pick<KeptEntry, 'body' | 'no'>, rematch: Rematch): CommitEntry {
    const { engine, partitions } = this
    if (body.kind === 'clock') return passTime(engine, partitions, body, no)
    if (body.kind === 'rules') return activate(engine, partitions, body, no)
    if (body.kind !== 'records') throw new Error(`no ${body.kind} entry was expected`)
    const { partition, from, to, nowMs, ruleset } = body
    const matches = rematch.read(partition, { from, to }, (input) => {
      return { matcher: this.#rules.matcher(input), ruleset: this.#rules.hash }
    })
    return correlate(engine, partitions, { partition, from, matches }, { nowMs, ruleset, no })
  }
}
