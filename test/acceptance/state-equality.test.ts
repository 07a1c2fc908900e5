/**
 * State equality (I4, I7): two hundred times `kill -9` at a random point, and each time a start on
 * what is left holds the windows of a run that was never interrupted, byte for byte; and the same
 * events come to the same windows over one, two and four matcher threads, however they are cut.
 *
 * The run has a seed, but processes are killed where they happen to be: what is compared with what
 * is taken from the log that each left behind, so the verdict does not depend on it.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, expect, it } from 'vitest'

import { openJournalReader } from '../../src/ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../src/ingest/normalise/gelf-event.ts'
import type { CommitEntry } from '../../src/model/commit.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { Rematch } from '../../src/threads/core/rematch.ts'
import { databaseFile, journalFolder } from '../../src/threads/thread-settings.ts'
import { Random } from '../simulation/random.ts'
import { MovedClock } from '../support/moved-clock.ts'
import { Matching, matchingSettings } from '../support/run-matching.ts'
import { keepWholeLog, readWholeLog, UninterruptedRun } from '../support/whole-log.ts'
import { waitFor } from '../support/wait-for.ts'
import { differing, stateAfterStart, windowState } from '../support/window-state.ts'

const KILLS = 200
const MATCHERS = [1, 2, 4]
const INPUTS = ['a', 'b', 'c', 'd']
const SEED = 4
const START_MS = Date.UTC(2026, 0, 1)
const LIMIT_MS = 600_000

/** Early firings, quiet clears, escalation, late events, both clocks, long and short windows. */
const RULES = `
rule: burst
where: "message:error"
group_by: [source]
threshold: { at_least: 2, within: 10s }
escalate: [{ at_least: 4, severity: critical }]
late_by: 10s
clear: { quiet_for: 12s }
---
rule: every
from: [a]
where: "message:panic"
group_by: [source, user]
match: {}
late_by: 20s
clear: { quiet_for: 5s }
---
rule: long
from: [b, c]
where: "message:error OR message:panic"
group_by: [source]
threshold: { at_least: 20, within: 3m }
late_by: 1m
clear: { quiet_for: 4m }
---
rule: all-of-d
from: [d]
where: _exists_:source
threshold: { at_least: 20, within: 30s }
late_by: 5s
clear: { quiet_for: 40s }
---
slo: answers
service: all
objective: 99%
group_by: [source]
total: _exists_:source
bad: "message:error"
`
/**
 * What depends on when a record was received, on which of two inputs was first, or on what is there
 * at that moment. Users make so many buckets that a checkpoint is not written between two commits.
 */
const ARRIVAL_RULES = `
rule: received
where: "message:error"
clock: received
group_by: [source]
threshold: { at_least: 4, within: 5s }
clear: { quiet_for: 6s }
---
rule: users
where: _exists_:user
group_by: [user]
threshold: { at_least: 2, within: 1m }
late_by: 30s
---
rule: everything
where: _exists_:source
threshold: { at_least: 50, within: 30s }
late_by: 5s
clear: { quiet_for: 40s }
---
rule: crowded
where: "message:error"
group_by: [user]
threshold: { at_least: 2, within: 20s }
limits: { groups: 1 }
---
rule: refused
where: "message:panic"
group_by: [user]
match: {}
limits: { groups: 1, overflow: refuse_new }
`

function sourceOf(text: string, timing: { reorderMs: number; idleAfterMs: number }): RulesetSource {
  const inputs = Object.fromEntries(INPUTS.map((name) => [name, { ...timing, labels: {} }]))
  return { documents: [{ file: 'rules.yaml', text }], inputs, fields: {} }
}

const folders: string[] = []
const running = new Set<Matching>()
afterEach(async () => {
  for (const process of running) await process.kill()
  running.clear()
})
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

it(
  'after each of two hundred kills a start holds what an uninterrupted run holds',
  async () => {
    const random = new Random(SEED, 'kills')
    const folder = newFolder()
    const data = await emptyShard(folder)
    const source = sourceOf(`${RULES}---${ARRIVAL_RULES}`, { reorderMs: 1_000, idleAfterMs: 4_000 })
    const clock = new MovedClock(join(folder, 'clock'), START_MS)
    const env = { ...clock.env(), NODE_COMPILE_CACHE: join(folder, 'compiled') }
    await fillCache(source, env)
    const traffic = new Traffic(random, clock.now)
    const whole = new Uninterrupted(source, data)
    const found = { recovered: 0, ran: 0, checkpoints: new Set<number>() }

    const started = (matchers: number): Matching => start({ data, source, matchers }, env)
    let next = started(MATCHERS[0]!)
    for (let kill = 1; kill <= KILLS; kill++) {
      await live(next, { random, traffic, clock, data })
      await next.kill()
      running.delete(next)
      expect(next.lines.filter(isFailure), `process ${kill}`).toEqual([])
      const image = imageOf(data, join(folder, 'image.db'))
      next = started(MATCHERS[kill % MATCHERS.length]!)
      const recovered = await stateAfterStart({ database: image, journal: journalFolder({ data }) })
      whole.runTo(image)
      expect(recovered.occurrences, `start after kill ${kill}`).toEqual([])
      expect(whole.lastNo).toBe(recovered.lastNo)
      expect(differing(recovered.state, whole.state()), `after kill ${kill}`).toEqual([])
      if (recovered.buckets > 0) found.recovered++
      if (recovered.entries > 0) found.ran++
      found.checkpoints.add(recovered.from)
    }

    // Without these it would prove little.
    expect(whole.differences).toEqual([])
    const { kinds, changes, reasons } = whole.seen()
    expect(kinds).toEqual(new Set(['rules', 'clock', 'records', 'idle']))
    for (const change of ['opened', 'changed', 'cleared', 'settled', 'escalated']) {
      expect(changes, change).toContain(change)
    }
    for (const reason of ['late', 'cap']) expect(reasons, reason).toContain(reason)
    expect(found.recovered).toBeGreaterThan(KILLS / 4)
    expect(found.ran).toBeGreaterThan(KILLS / 4)
    // How many are completed between two kills is a matter of how fast the machine is.
    expect(found.checkpoints.size).toBeGreaterThan(1)
  },
  LIMIT_MS,
)

it(
  'one, two and four matcher threads and other slabs come to the same windows',
  async () => {
    // Nothing is assumed of an input, so that only what was sent decides.
    const source = sourceOf(RULES, { reorderMs: 1_000, idleAfterMs: 86_400_000 })
    let virtualMs = START_MS
    const random = new Random(SEED, 'events')
    const traffic = new Traffic(random, () => virtualMs)
    const sent = Array.from({ length: 1_200 }, () => {
      virtualMs += random.between(0, 400)
      return traffic.record({ isTimed: true })
    })

    const states = []
    const slices = []
    for (const matchers of MATCHERS) {
      const folder = newFolder()
      const data = await emptyShard(folder)
      // All arrive at one moment, the same in each run.
      const clock = new MovedClock(join(folder, 'clock'), virtualMs)
      const process = start({ data, source, matchers }, clock.env())
      await process.ready()
      const cuts = new Random(matchers, 'cuts')
      for (const to of portions(sent.length, cuts)) {
        const from = evaluated(data)
        for (const input of INPUTS) {
          const bytes = bytesOf(sent.slice(from, to).filter((record) => record.input === input))
          await inPieces(process, { input, bytes, cuts, largest: 4_000 })
        }
        await waitFor('the portion to be evaluated', () => evaluated(data) === to || undefined)
      }
      await process.stop()
      expect(process.lines.filter(isFailure)).toEqual([])
      const whole = new Uninterrupted(source, data)
      whole.runTo(databaseFile({ data }))
      expect(whole.differences).toEqual([])
      slices.push(whole.slices.join(' '))
      const journal = journalFolder({ data })
      const { state } = await stateAfterStart({ database: databaseFile({ data }), journal })
      states.push(onlyRules(state))
      expect(onlyRules(whole.state())).toEqual(onlyRules(state))
    }
    const [first, ...others] = states
    expect(first!.size).toBeGreaterThan(20)
    for (const other of others) expect(differing(first!, other)).toEqual([])
    // It was not cut alike each time.
    expect(new Set(slices).size).toBe(MATCHERS.length)
  },
  LIMIT_MS,
)

function start(
  of: Parameters<typeof matchingSettings>[0],
  env: Readonly<Record<string, string>>,
): Matching {
  const process = new Matching(matchingSettings(of), env)
  running.add(process)
  return process
}

interface World {
  readonly random: Random
  readonly traffic: Traffic
  readonly clock: MovedClock
  readonly data: string
}

/** One that ends in good order leaves its code compiled for those that are killed. */
async function fillCache(
  source: RulesetSource,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const process = start({ data: await emptyShard(newFolder()), source, matchers: 1 }, env)
  await process.ready()
  await process.stop()
  running.delete(process)
}

/** One life: some are cut short before anything listens, some see their inputs fall idle. */
async function live(process: Matching, { random, traffic, clock, data }: World): Promise<void> {
  clock.advance(random.between(500, 5_000))
  if (random.chance(0.1)) return pause(random.between(50, 500))
  await process.ready()
  const batches = random.between(0, 6)
  const largest = random.pick([150, 700, 5_000])
  for (let batch = 0; batch < batches; batch++) {
    const records = Array.from({ length: random.between(1, 60) }, () => traffic.record())
    for (const input of INPUTS) {
      const bytes = bytesOf(records.filter((record) => record.input === input))
      await inPieces(process, { input, bytes, cuts: random, largest })
    }
    clock.advance(random.between(100, 2_500))
    if (random.chance(0.3)) await pause(random.between(1, 10))
  }
  if (random.chance(0.15)) {
    // Somebody looks at the clock every second, so it cannot miss that an input is silent.
    clock.advance(random.between(1_000, 40_000))
    await waitFor('an input to fall idle', () => {
      clock.advance(500)
      return isIdle(data) || undefined
    })
    clock.advance(random.between(0, 20_000))
  }
  if (random.chance(0.7)) await pause(random.between(0, 60))
}

function isIdle(data: string): boolean {
  const database = new DatabaseSync(databaseFile({ data }), { readOnly: true })
  const row = database.prepare(`SELECT 1 FROM "partition" WHERE progress = 'idle'`).get()
  database.close()
  return row !== undefined
}

interface Sent {
  readonly input: string
  readonly text: string
}

/** Devices that are in time, late, slow, fast or without a clock. */
class Traffic {
  readonly #random: Random
  readonly #clock: () => number
  #sent = 0

  constructor(random: Random, clock: () => number) {
    this.#random = random
    this.#clock = clock
  }

  /** `isTimed`: every record has a time of its own that is not ahead. */
  record({ isTimed = false } = {}): Sent {
    const random = this.#random
    const input = random.pick(INPUTS)
    const record = {
      version: '1.1',
      // A host sends to one input only, so that its records have one order.
      host: `${input}-${random.between(1, 6)}`,
      short_message: random.pick(['ok', 'ok', 'error', 'error', 'error', 'panic']),
      _user: `u${random.between(1, 400)}`,
      _nth: this.#sent++,
      ...this.#timestamp(isTimed),
    }
    return { input, text: JSON.stringify(record) }
  }

  #timestamp(isTimed: boolean): { readonly timestamp?: number } {
    const random = this.#random
    const chance = random.next()
    if (!isTimed && chance < 0.05) return {}
    if (!isTimed && chance < 0.08) return this.#at(random.between(-60_000, -1_000))
    if (!isTimed && chance < 0.1) return this.#at(-400_000)
    if (chance < 0.2) return this.#at(random.between(5_000, 90_000))
    return this.#at(random.between(0, 2_500))
  }

  #at(agoMs: number): { readonly timestamp: number } {
    return { timestamp: (this.#clock() - agoMs) / 1_000 }
  }
}

/** Writes of random size, so that reads, and with them slabs, end anywhere. */
async function inPieces(
  process: Matching,
  options: {
    readonly input: string
    readonly bytes: Buffer
    readonly cuts: Random
    readonly largest: number
  },
): Promise<void> {
  const { input, bytes, cuts, largest } = options
  for (let at = 0; at < bytes.length;) {
    const size = cuts.between(1, largest)
    await process.write(input, bytes.subarray(at, at + size))
    at += size
    if (cuts.chance(0.1)) await nextRound()
  }
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

function bytesOf(records: readonly Sent[]): Buffer {
  return Buffer.from(records.map(({ text }) => `${text}\0`).join(''))
}

/** The run that nothing interrupts: one engine, fed what was committed since the last look. */
class Uninterrupted {
  /** Entries that it answers otherwise than they were answered then. */
  readonly differences: number[] = []
  lastNo = 0
  /** The slices that the log has, as they were cut. */
  readonly slices: string[] = []
  readonly #run: UninterruptedRun
  readonly #journal: string
  readonly #kinds = new Set<string>()
  readonly #changes = new Set<string>()
  readonly #reasons = new Set<string>()

  constructor(source: RulesetSource, data: string) {
    this.#run = new UninterruptedRun(source)
    this.#journal = journalFolder({ data })
  }

  runTo(database: string): void {
    const journal = openJournalReader({ folder: this.#journal, report: unexpected })
    const rematch = new Rematch(journal, new GelfEvent())
    for (const entry of readWholeLog(database, this.lastNo + 1)) {
      const answer = this.#run.apply(entry, rematch)
      if (answer.effectsHash !== entry.hash) this.differences.push(entry.no)
      this.lastNo = entry.no
      this.#note(answer)
    }
    journal.close()
  }

  state(): ReadonlyMap<string, string> {
    return windowState(this.#run.engine, this.#run.partitions)
  }

  seen(): Readonly<Record<'kinds' | 'changes' | 'reasons', ReadonlySet<string>>> {
    return { kinds: this.#kinds, changes: this.#changes, reasons: this.#reasons }
  }

  #note({ body, effects }: CommitEntry): void {
    this.#kinds.add(body.kind)
    if (body.kind === 'records') this.slices.push(`${body.partition}:${body.from}`)
    if (body.kind === 'clock' && body.partitions.some(({ progress }) => progress === 'idle')) {
      this.#kinds.add('idle')
    }
    for (const { change } of effects.episodes) this.#changes.add(change)
    for (const { reason } of effects.ledger) this.#reasons.add(String(reason))
  }
}

/** Where a sender pauses until all of it is evaluated: a few places, and the end. */
function portions(length: number, random: Random): number[] {
  const places = Array.from({ length: random.between(4, 8) }, () => random.between(1, length - 1))
  return [...new Set([...places, length])].sort((a, b) => a - b)
}

/** Records, of all partitions. */
function evaluated(data: string): number {
  const database = new DatabaseSync(databaseFile({ data }), { readOnly: true })
  const row = database.prepare('SELECT sum(next) AS n FROM "partition"').get()
  database.close()
  return Number(row!['n'])
}

/** Without the partitions, whose times of receipt differ from run to run. */
function onlyRules(state: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const isOfTime = (name: string): boolean => name === 'watermarks' || name.startsWith('partition ')
  return new Map([...state].filter(([name]) => !isOfTime(name)))
}

const SAID_OF_A_START = new Set(['core.claimed', 'core.replayed', 'core.checkpoint_written'])

/** Anything but a good start and its checkpoints. */
function isFailure(line: Matching['lines'][number]): boolean {
  if (line.kind === 'failed') return true
  return line.kind === 'occurrence' && !SAID_OF_A_START.has(line.name)
}

/** A copy of the database as the kill left it, while the next process goes on with it. */
function imageOf(data: string, image: string): string {
  for (const ending of ['', '-wal', '-shm']) {
    rmSync(`${image}${ending}`, { force: true })
    const file = `${databaseFile({ data })}${ending}`
    if (ending !== '-shm' && existsSync(file)) copyFileSync(file, `${image}${ending}`)
  }
  return image
}

/** A database with nothing in it that keeps every entry which is written from now on. */
async function emptyShard(folder: string): Promise<string> {
  const store = await openSqliteStore({ file: databaseFile({ data: folder }) })
  await store.claim('test', 0)
  await store.close()
  keepWholeLog(folder)
  return folder
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-state-'))
  folders.push(folder)
  return folder
}

function unexpected({ name }: { readonly name: string }): void {
  throw new Error(`the journal says ${name}`)
}
