import type { DatabaseSync } from 'node:sqlite'
import { effectsHash } from '../../src/rules/effects-hash.ts'
import type { LogBody, LogEntry } from '../../src/model/commit.ts'

interface ShardRow {
  readonly epoch: number
  readonly next_no: number
}

interface LogRow {
  readonly no: number
  readonly epoch: number
  readonly body: string
  readonly engine_version: string
  readonly effects_hash: string
}

interface IncidentRow {
  readonly id: string
  readonly version: number
  readonly sequence: number
  readonly open_key: string | null
}

/** The hash of an entry from which nothing followed. */
const NOTHING = effectsHash({ episodes: [], slo: [], ledger: [], recomputes: [] })

/**
 * What must hold after every transaction, whoever made it, asked of the database itself:
 *
 *   1. epoch, log, positions and rule sets never go back; the log is dense, its slices touch;
 *   2. the position that is stored is where the log ends;
 *   3. an incident's version rises by one, and every event it ever had lies in the outbox;
 *   4. at most one incident absorbs under one key; every episode has its disposition.
 */
export class Invariants {
  /** Every entry ever committed: the database may forget those that a checkpoint covers. */
  readonly log: LogEntry[] = []
  readonly #broken: (what: string) => void
  readonly #read
  readonly #rules
  #rulesOrder = 0
  #epoch = 0
  #nextNo = 1
  #timeline: number | null = null
  readonly #next = new Map<string, number>()
  readonly #versions = new Map<string, number>()

  constructor(
    sql: DatabaseSync,
    rules: { readonly written: ReadonlyMap<string, readonly number[]> },
    broken: (what: string) => void,
  ) {
    this.#broken = broken
    this.#rules = rules
    this.#read = {
      shard: sql.prepare('SELECT epoch, next_no FROM shard'),
      log: sql.prepare('SELECT * FROM input_log WHERE no >= ? ORDER BY no'),
      partitions: sql.prepare('SELECT id, next FROM "partition"'),
      incidents: sql.prepare('SELECT id, version, sequence, open_key FROM incident'),
      outbox: sql.prepare(
        `SELECT incident_id, count(*) AS n, max(sequence) AS last FROM outbox
         WHERE receiver = 'hook' GROUP BY incident_id`,
      ),
      touched: sql.prepare('SELECT max(rowid) AS n FROM timeline'),
      undisposed: sql.prepare('SELECT id FROM episode WHERE disposition IS NULL'),
    }
  }

  /** Looks at what the transaction left; returns a line about it for the trace. */
  check(): string {
    const shard = this.#read.shard.get() as ShardRow | undefined
    if (shard === undefined) return 'a transaction before the first claim'
    const { epoch, next_no } = shard
    if (epoch < this.#epoch) this.#broken(`the epoch fell from ${this.#epoch} to ${epoch}`)
    if (next_no < this.#nextNo) this.#broken(`the log fell back to ${next_no}`)
    const rows = this.#read.log.all(this.#nextNo) as unknown as LogRow[]
    for (const row of rows) this.#checkEntry(row, epoch)
    if (this.#nextNo !== next_no) {
      this.#broken(`the log ends before ${this.#nextNo}, the shard says ${next_no}`)
    }
    this.#epoch = epoch
    this.#checkPositions()
    // Every change of an incident, and every new episode, leaves a line or an entry with effects.
    const { n } = this.#read.touched.get() as { n: number | null }
    if (n !== this.#timeline || rows.length === 0) this.#checkIncidents()
    this.#timeline = n
    if (rows.some((row) => row.effects_hash !== NOTHING)) this.#checkEpisodes()
    return `epoch ${epoch} next ${next_no} ${rows.map((row) => row.effects_hash.slice(0, 8)).join(' ')}`
  }

  #checkEntry(row: LogRow, epoch: number): void {
    if (row.no !== this.#nextNo) this.#broken(`entry ${row.no} follows ${this.#nextNo - 1}`)
    this.#nextNo = row.no + 1
    if (row.epoch !== epoch) {
      this.#broken(`entry ${row.no} is of epoch ${row.epoch}, but ${epoch} owns the shard`)
    }
    const body = JSON.parse(row.body) as LogBody
    const { no, engine_version: engineVersion, effects_hash: effectsHash } = row
    this.log.push({ no, epoch: row.epoch, body, engineVersion, effectsHash, ruleHashes: null })
    if (body.kind === 'rules') {
      const order = this.#rules.written.get(body.ruleset)?.find((n) => n >= this.#rulesOrder)
      if (order === undefined) this.#broken(`entry ${no} brings back older rules`)
      else this.#rulesOrder = order
    }
    if (body.kind !== 'records') return
    const next = this.#next.get(body.partition) ?? 0
    if (body.from !== next || body.to <= next) {
      this.#broken(
        `entry ${row.no} covers ${body.from}–${body.to} of ${body.partition}, not ${next}–`,
      )
    }
    this.#next.set(body.partition, body.to)
  }

  #checkPositions(): void {
    for (const { id, next } of this.#read.partitions.all() as { id: string; next: number }[]) {
      const logged = this.#next.get(id) ?? 0
      if (next !== logged) this.#broken(`${id} stands at ${next}, its log at ${logged}`)
    }
  }

  #checkEpisodes(): void {
    for (const { id } of this.#read.undisposed.all()) {
      this.#broken(`the episode ${String(id)} has no disposition`)
    }
  }

  #checkIncidents(): void {
    const told = new Map(
      (this.#read.outbox.all() as { incident_id: string; n: number; last: number }[]).map((row) => [
        row.incident_id,
        row,
      ]),
    )
    const keys = new Set<string>()
    for (const { id, version, sequence, open_key } of this.#incidents()) {
      const before = this.#versions.get(id) ?? 0
      if (version !== before && version !== before + 1) {
        this.#broken(`incident ${id} went from version ${before} to ${version}`)
      }
      this.#versions.set(id, version)
      const { n, last } = told.get(id) ?? { n: 0, last: 0 }
      if (n !== sequence || last !== sequence) {
        this.#broken(`incident ${id} had ${sequence} events; the outbox has ${n}, up to ${last}`)
      }
      if (open_key === null) continue
      if (keys.has(open_key)) this.#broken(`two incidents absorb under ${open_key}`)
      keys.add(open_key)
    }
  }

  #incidents(): IncidentRow[] {
    return this.#read.incidents.all() as unknown as IncidentRow[]
  }
}
