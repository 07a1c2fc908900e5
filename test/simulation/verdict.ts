import { oracle } from './oracle.ts'
import type { OracleRule } from './oracle.ts'
import { checkReplay } from './replays.ts'
import type { KeptCheckpoint } from './replays.ts'
import { SLO_ID } from './rule-spec.ts'
import { checkGaps } from './verdict-gaps.ts'
import { checkOldNews } from './verdict-old-news.ts'
import type { World } from './world.ts'

/** Looks at a world that has come to rest, and says everything that is not as it must be. */
export async function verdictOn(world: World, kept: KeptCheckpoint | undefined): Promise<void> {
  if (world.failures.length > 0) return
  const { sql } = world.database
  const all = <Row>(text: string): Row[] => sql.prepare(text).all() as Row[]
  checkOracle(world, all)
  checkNothingStuck(world, all)
  checkGaps(world)
  checkDeliveries(world, all)
  checkIncidents(world, all)
  checkCommands(world, all)
  await checkReplay(world, kept)
}

type All = <Row>(text: string) => Row[]

function checkOracle(world: World, all: All): void {
  const expected = oracle({
    log: world.invariants.log.map(({ body }) => body),
    batches: (partition) => world.journal.batches(partition),
    specs: world.rules.specs,
    edited: world.rules.edited,
  })
  for (const [ruleId, rule] of expected.rules) {
    checkEpisodes(world, all, ruleId, rule)
    checkLedger(world, all, ruleId, rule)
    checkOldNews(world, ruleId, rule.oldNews)
  }
  const totals = all<{ total: number; bad: number }>(
    `SELECT sum(total) AS total, sum(bad) AS bad FROM slo_total WHERE slo = '${SLO_ID}'`,
  )
  same(world, 'SLO totals', totals[0], {
    total: expected.slo.total || null,
    bad: expected.slo.total > 0 ? expected.slo.bad : null,
  })
}

function checkEpisodes(world: World, all: All, ruleId: string, rule: OracleRule): void {
  const stored = all<Record<string, string | number>>(
    `SELECT group_key AS "group", start_ms AS startMs, end_ms AS endMs, matches, firings, peak,
       severity FROM episode WHERE rule_id = '${ruleId}' AND merged_into IS NULL
       AND recomputed = 0`,
  )
  for (const { id, state } of all<{ id: string; state: string }>(
    `SELECT id, state FROM episode WHERE rule_id = '${ruleId}' AND state <> 'settled'`,
  )) {
    world.broken(`the episode ${id} of ${ruleId} is still ${state}`)
  }
  if (rule.episodes === undefined) return
  const named = (rows: readonly object[]): string[] =>
    rows
      .map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))))
      .sort()
  same(world, `settled episodes of ${ruleId}`, named(stored), named(rule.episodes))
}

function checkLedger(world: World, all: All, ruleId: string, rule: OracleRule): void {
  const rows = all<{ name: string; n: number }>(
    `SELECT class || ' ' || reason || ' ' || hour_ms AS name, n FROM ledger
     WHERE rule_id = '${ruleId}'`,
  )
  const sum = rows.reduce((total, { n }) => total + n, 0)
  same(world, `matches of ${ruleId} in the ledger`, sum, rule.matches)
  if (rule.episodes === undefined) return
  const sorted = (entries: Iterable<readonly [string, number]>): string[] =>
    [...entries].map(([name, n]) => `${name}: ${n}`).sort()
  const stored = sorted(rows.map(({ name, n }) => [name, n] as const))
  same(world, `ledger of ${ruleId}`, stored, sorted(rule.ledger))
}

/** Everything that was accepted has been evaluated. */
function checkNothingStuck(world: World, all: All): void {
  const stored = new Map(
    all<{ id: string; next: number }>('SELECT id, next FROM "partition"').map((row) => [
      row.id,
      row.next,
    ]),
  )
  for (const { partition, next } of world.journal.partitions()) {
    same(world, `position of ${partition}`, stored.get(partition), next)
  }
}

function checkDeliveries(world: World, all: All): void {
  const { seen, gone } = world.receivers
  const rows = all<{
    id: string
    receiver: string
    order_key: string
    sequence: number
    body: string
    state: string
  }>('SELECT id, receiver, order_key, sequence, body, state FROM outbox')
  const byId = new Map(rows.map((row) => [row.id, row]))
  const got = new Set(seen.map(({ id }) => id))
  for (const { id, receiver, state } of rows) {
    if (state === 'pending') world.broken(`the delivery ${id} to ${receiver} is still pending`)
    if (state === 'delivered' && !got.has(id)) world.broken(`${receiver} never got ${id}`)
    if (state === 'dead' && !gone.has(receiver)) world.broken(`the delivery ${id} is dead`)
  }
  const latest = new Map<string, number>()
  const known = new Set<string>()
  for (const { id, receiver, body } of seen) {
    const row = byId.get(id)
    if (row?.receiver !== receiver) world.broken(`${receiver} got ${id}, which nobody wrote`)
    else if (row.body !== body) world.broken(`${receiver} got another body under ${id}`)
    if (row === undefined || known.has(id)) continue
    known.add(id)
    const key = `${receiver} ${row.order_key}`
    if (row.sequence < (latest.get(key) ?? 0)) world.broken(`${receiver} got ${id} out of order`)
    latest.set(key, row.sequence)
  }
}

/** The signal says whether an episode is open; every episode's history ends as the row says. */
function checkIncidents(world: World, all: All): void {
  for (const { id, signal } of all<{ id: string; signal: string }>(
    "SELECT id, signal FROM incident WHERE phase NOT IN ('closed', 'dismissed', 'merged')",
  )) {
    if (signal !== 'clear') world.broken(`incident ${id} is ${signal}, but everything is quiet`)
  }
  for (const { id } of all<{ id: string }>(
    `SELECT id FROM episode WHERE disposition IS NOT (SELECT disposition FROM episode_disposition
       WHERE episode_id = episode.id ORDER BY rowid DESC LIMIT 1)`,
  )) {
    world.broken(`the episode ${id} has another disposition than its history says`)
  }
}

/** What people were told has happened, once. */
function checkCommands(world: World, all: All): void {
  const stored = new Map(
    all<{ id: string; result: string }>('SELECT id, result FROM command').map((row) => [
      row.id,
      row.result,
    ]),
  )
  for (const { request, answers } of world.people.asked) {
    if (answers.length === 0) world.broken(`${request.id} was never answered`)
    for (const answer of answers) {
      same(world, `answer to ${request.id}`, stored.get(request.id), JSON.stringify(answer))
    }
  }
}

function same(world: World, what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) world.broken(`${what}: found ${a}, expected ${b}`)
}
