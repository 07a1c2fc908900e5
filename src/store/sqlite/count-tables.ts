import type { DatabaseSync } from 'node:sqlite'
import type { CommitEntry, Gap } from '../../model/commit.ts'
import { prepare } from './statement.ts'

/** The oldest gaps make room (I2). */
const GAPS_MAX = 20_000
/** The newest of these are kept; each has at most some kilobytes. */
const QUARANTINE_MAX = 10_000

/** Records that are dropped so soon after others belong to the same gap. */
const FOLD_MS = 60_000

/** Partition states, SLO counts and the ledger of one entry: sums that a commit adds to. */
export class CountTables {
  readonly #shard: string
  readonly #partition
  readonly #minute
  readonly #total
  readonly #ledger
  readonly #gap
  readonly #goOn
  readonly #end
  readonly #makeRoom
  readonly #quarantine
  readonly #trimQuarantine

  constructor(database: DatabaseSync, shard: string) {
    this.#shard = shard
    this.#partition = prepare(
      database,
      `INSERT INTO "partition" (shard, id, input, epoch, next, max_time_ms, max_received_ms,
         last_received_ms, link, progress, said_no, log_offset)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (shard, id) DO UPDATE SET epoch = excluded.epoch, next = excluded.next,
         max_time_ms = excluded.max_time_ms, max_received_ms = excluded.max_received_ms,
         last_received_ms = excluded.last_received_ms, link = excluded.link,
         progress = excluded.progress, log_offset = excluded.log_offset,
         said_no = coalesce(excluded.said_no, "partition".said_no)`,
    )
    this.#minute = prepare(
      database,
      `INSERT INTO slo_minute (slo, group_key, minute_ms, mode, total, bad)
       VALUES (?, ?, ?, 'real', ?, ?)
       ON CONFLICT (slo, minute_ms, group_key, mode) DO UPDATE SET
         total = slo_minute.total + excluded.total, bad = slo_minute.bad + excluded.bad`,
    )
    this.#total = prepare(
      database,
      `INSERT INTO slo_total (slo, group_key, mode, total, bad) VALUES (?, ?, 'real', ?, ?)
       ON CONFLICT (slo, group_key, mode) DO UPDATE SET
         total = slo_total.total + excluded.total, bad = slo_total.bad + excluded.bad`,
    )
    this.#gap = prepare(
      database,
      `INSERT INTO gap
         (partition, from_position, to_position, reason, found_ms, records, from_ms, to_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#goOn = prepare(
      database,
      `UPDATE gap SET records = records + ?, from_ms = min(from_ms, ?), to_ms = max(to_ms, ?),
         to_position = ?
       WHERE to_ms >= ? AND seq = (
         SELECT max(seq) FROM gap WHERE partition = ? AND reason = 'dropped')`,
    )
    this.#end = prepare(
      database,
      `UPDATE gap SET to_ms = ?, to_position = ?
       WHERE from_ms = ? AND to_ms IS NULL AND seq = (
         SELECT max(seq) FROM gap WHERE partition = ? AND reason = ?)`,
    )
    this.#makeRoom = prepare(
      database,
      `DELETE FROM gap WHERE seq <= (SELECT max(seq) FROM gap) - ${GAPS_MAX}`,
    )
    this.#quarantine = prepare(
      database,
      `INSERT INTO quarantine (partition, position, reason, detail, bytes, at_ms)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    this.#trimQuarantine = prepare(
      database,
      'DELETE FROM quarantine WHERE seq <= (SELECT max(seq) FROM quarantine) - ?',
    )
    this.#ledger = prepare(
      database,
      `INSERT INTO ledger (rule_id, hour_ms, class, reason, n) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (rule_id, hour_ms, class, reason) DO UPDATE SET n = ledger.n + excluded.n`,
    )
  }

  /** `no` of the entry. */
  write({ body, effects, partitions, gaps = [], quarantined = [] }: CommitEntry, no: number): void {
    for (const gap of gaps) this.#writeGap(gap, body.nowMs)
    if (gaps.length > 0) this.#makeRoom.run()
    for (const { partition, position, reason, bytes } of quarantined) {
      this.#quarantine.run(partition, position, reason, '', bytes, body.nowMs)
    }
    if (quarantined.length > 0) this.#trimQuarantine.run(QUARANTINE_MAX)
    for (const partition of partitions) {
      this.#partition.run(
        this.#shard,
        partition.id,
        partition.input,
        partition.epoch,
        partition.next,
        partition.maxTimeMs,
        partition.maxReceivedMs,
        partition.lastReceivedMs,
        partition.link,
        partition.progress,
        body.kind === 'clock' ? no : null,
        partition.offset ?? null,
      )
    }
    for (const { slo, group, minuteMs, total, bad } of effects.slo) {
      this.#minute.run(slo, group, minuteMs, total, bad)
      this.#total.run(slo, group, total, bad)
    }
    for (const { ruleId, hourMs, class: kind, reason, count } of effects.ledger) {
      this.#ledger.run(ruleId, hourMs, kind, reason ?? '', count)
    }
  }

  /** What goes on is one row, however often it is told (I2). */
  #writeGap(gap: Gap, foundMs: number): void {
    const { partition, reason } = gap
    if ('from' in gap) {
      const { from, to } = gap
      this.#gap.run(partition, from, to, reason, foundMs, to - from, null, null)
      return
    }
    if (gap.reason !== 'dropped') {
      const { at, fromMs, toMs } = gap
      if (toMs !== null && this.#end.run(toMs, at, fromMs, partition, reason) > 0) return
      this.#gap.run(partition, at, at, reason, foundMs, 0, fromMs, toMs)
      return
    }
    const { at, records, fromMs, toMs } = gap
    if (this.#goOn.run(records, fromMs, toMs, at, fromMs - FOLD_MS, partition) > 0) return
    this.#gap.run(partition, at, at, reason, foundMs, records, fromMs, toMs)
  }
}
