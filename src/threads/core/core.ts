/**
 * The core (design §4.5): owns windows, decisions and the database. It takes what intake and
 * journal deliver, in order of position, and turns it into commits, one after the other:
 *
 *   1. Commits have no timer. One starts when the last returned and takes what has arrived.
 *   2. A failed commit is retried with the same effects; nothing is evaluated again.
 *   3. Rows beyond the cap are dropped, not slabs: they are matched again from the journal.
 *   4. Another owner of the shard ends this one at once (I4).
 */
import type { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { JournalReader } from '../../ingest/journal/journal.ts'
import type { Cancel, Clock, Timers } from '../../lib/clock.ts'
import type { CommandRequest } from '../../model/command.ts'
import type { CommitEntry, CommitRequest, CoreStore, LogBody } from '../../model/commit.ts'
import { FencedError } from '../../model/commit.ts'
import type { Matches } from '../../model/matches.ts'
import type { Report } from '../../model/occurrence.ts'
import type { AttemptReport } from '../../model/outbox.ts'
import { inputOfPartition, partitionId } from '../../model/slab.ts'
import { activate, commit, correlate, passTime } from '../../pipeline.ts'
import { createEngine } from '../../rules/engine.ts'
import type { Engine } from '../../rules/engine.ts'
import { PartitionTracker } from '../../rules/partition-tracker.ts'
import type { FromCore, RulesMessage, ToCore } from '../messages.ts'
import { slabName } from '../messages.ts'
import { coreStats } from './core-stats.ts'
import type { Decisions } from './decide-with.ts'
import { evidenceOf } from './evidence.ts'
import { LoadedRules, NO_RULES } from './loaded-rules.ts'
import { PartitionFeed } from './partition-feed.ts'
import type { PlacedSlab } from './partition-feed.ts'
import { Rematch } from './rematch.ts'
import { replay } from './replay.ts'

/** Records of one commit (design §4.1). */
const COMMIT_RECORDS_MAX = 5_000
/** Rows waiting for their turn: about 100 bytes each, so some 100 MB. */
const WAITING_ROWS_MAX = 1_000_000
const TICK_MS = 1_000
const CLOCK_ENTRY_MS = 60_000
const RETRY_MS = [100, 200, 500, 1_000, 2_000, 5_000] as const

export interface CoreOptions {
  readonly store: CoreStore
  readonly journal: JournalReader
  readonly event: GelfEvent
  readonly clock: Clock
  readonly timers: Timers
  readonly engineVersion: string
  /** Who owns the shard, for people. */
  readonly owner: string
  readonly decisions: Decisions
  readonly report: Report
  readonly post: (message: FromCore) => void
  /** The core cannot go on: fenced, or a promise of ours is broken. */
  readonly onFatal: (error: Error) => void
}

export class Core {
  readonly #options: CoreOptions
  readonly #rematch: Rematch
  readonly #feeds = new Map<string, PartitionFeed>()
  readonly #evaluated = new Map<string, number>()
  #partitions = new PartitionTracker([], (input) => this.#rules.timing(input))
  #rules = new LoadedRules(NO_RULES)
  #engine: Engine
  #epoch = 0
  #nextNo = 0
  #lastNowMs = 0
  #lastClockMs = 0
  #isLive = false
  #isTicking = false
  #commands: CommandRequest[] = []
  #attempts: AttemptReport[] = []
  #nextRules: RulesMessage[] = []
  #running: Promise<void> | undefined
  #isStopping = false
  #isDead = false
  #stopTick: Cancel = () => undefined

  constructor(options: CoreOptions) {
    this.#options = options
    this.#rematch = new Rematch(options.journal, options.event)
    this.#engine = this.#newEngine()
  }

  /** Claims the shard, runs the kept log again, and answers `ready` with its epoch. */
  async start(): Promise<void> {
    const { store, clock, timers, report, engineVersion, owner, post } = this.#options
    const claim = await store.claim(owner, clock())
    report({ name: 'core.claimed', detail: { epoch: claim.epoch, nextNo: claim.nextNo } })
    const from = claim.checkpointNext
    const replayed = await replay({
      store,
      from,
      partitions: this.#partitions,
      rematch: this.#rematch,
      engineVersion,
      report,
    })
    this.#engine = replayed.engine
    this.#setRules(replayed.rules)
    this.#epoch = claim.epoch
    this.#nextNo = claim.nextNo
    const { entries, differences } = replayed
    report({ name: 'core.replayed', detail: { from, entries, differences } })
    this.#openBacklog()
    this.#stopTick = timers.every(TICK_MS, () => this.#tick())
    post({ kind: 'ready', epoch: claim.epoch })
  }

  receive(message: ToCore): void {
    switch (message.kind) {
      case 'durable':
        this.#feed(message.durable.partition).durable(message.durable)
        break
      case 'matches':
        this.#takeMatches(message.matches)
        break
      case 'refused':
        this.#feed(message.partition).refused(slabName(message))
        break
      case 'rules':
        this.#nextRules.push(message)
        break
      case 'routing':
        this.#options.decisions.setRouting(message.routing)
        break
      case 'command':
        if (this.#isStopping) this.#refuse(message.request)
        else this.#commands.push(message.request)
        break
      case 'attempt':
        this.#attempts.push(message.report)
        break
      case 'stop':
        break
    }
    this.#wake()
  }

  /** Commits what has arrived, then closes the store. Call when the intake has stopped. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#wake()
    await this.#running
    this.#stopTick()
    this.#options.journal.close()
    await this.#options.store.close()
  }

  #takeMatches(matches: Matches): void {
    let rows = 0
    for (const feed of this.#feeds.values()) rows += feed.rows
    const hasRoom = rows + matches.rows.length <= WAITING_ROWS_MAX
    const isActive = matches.ruleset === this.#rules.hash
    this.#feed(matches.partition).matches(matches, hasRoom && (isActive || this.#isExpected(matches)))
    if (!hasRoom) this.#options.report({ name: 'core.rows_dropped', count: matches.rows.length })
  }

  /** Matched by a rule set that is announced but not active yet. */
  #isExpected(matches: Matches): boolean {
    return this.#nextRules.some(({ hash }) => hash === matches.ruleset)
  }

  #tick(): void {
    this.#isTicking = true
    this.#wake()
    if (this.#isLive) this.#options.post({ kind: 'stats', stats: this.#stats() })
  }

  #wake(): void {
    if (this.#running !== undefined || this.#isDead) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    try {
      while (await this.#turn()) await new Promise((resolve) => setImmediate(resolve))
    } catch (error) {
      this.#isDead = true
      const isFenced = error instanceof FencedError
      const detail = { error: String(error) }
      this.#options.report({ name: isFenced ? 'core.fenced' : 'core.invariant_broken', detail })
      this.#options.onFatal(error as Error)
    }
  }

  /** One commit; `false` when there was nothing to do. */
  async #turn(): Promise<boolean> {
    const nowMs = Math.max(this.#options.clock(), this.#lastNowMs)
    const entries: CommitEntry[] = []
    if (this.#nextRules.length > 0) entries.push(await this.#activate(this.#nextRules.shift()!, nowMs))
    if (!this.#isLive) {
      if (entries.length === 0) return false
      this.#isLive = true
      entries.push(this.#passTime(nowMs, this.#openings()))
    }
    entries.push(...this.#slices(nowMs))
    entries.push(...this.#clock(nowMs))
    const commands = this.#commands.splice(0)
    const attempts = this.#attempts.splice(0)
    if (entries.length === 0) {
      if (commands.length + attempts.length === 0) return false
      entries.push(this.#passTime(nowMs, []))
    }
    this.#lastNowMs = nowMs
    const evidence = evidenceOf(entries, this.#options.journal, this.#options.event)
    const { engineVersion } = this.#options
    const firstNo = this.#nextNo
    await this.#commit({ firstNo, nowMs, engineVersion, entries, commands, attempts, evidence })
    return true
  }

  async #commit(request: CommitRequest): Promise<void> {
    const { store, decisions, report, post } = this.#options
    for (let attempt = 0; ; attempt++) {
      try {
        const { lastNo, decision } = await commit(store, request, decisions.decide, decisions.openKeyOf)
        this.#nextNo = lastNo + 1
        for (const result of decision.results) post({ kind: 'result', result })
        this.#reportDecision(decision)
        const attempted = request.attempts.map(({ deliveryId }) => deliveryId)
        post({ kind: 'committed', lastNo, deliveries: decision.deliveries.length, attempted })
        report({ name: 'core.committed', count: request.entries.length })
        return
      } catch (error) {
        if (!isRetryable(error)) throw error
        report({ name: 'core.commit_failed', detail: { error: String(error), attempt } })
        const delayMs = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!
        await new Promise<void>((resolve) => void this.#options.timers.after(delayMs, resolve))
      }
    }
  }

  #reportDecision(decision: Awaited<ReturnType<typeof commit>>['decision']): void {
    for (const { version, severity, mode, number, title, ruleId } of decision.incidents) {
      if (version !== 1) continue
      const detail = { number, title, rule: ruleId }
      this.#options.report({ name: 'incident.opened', labels: { severity, mode }, detail })
    }
    for (const { kind } of decision.timeline) {
      this.#options.report({ name: 'incident.changed', labels: { kind } })
    }
  }

  async #activate(message: RulesMessage, nowMs: number): Promise<CommitEntry> {
    const rules = new LoadedRules(message.source)
    await this.#options.store.saveRuleset(rules.hash, rules.content(), nowMs)
    this.#setRules(rules)
    this.#engine = this.#newEngine(this.#engine)
    this.#options.post({ kind: 'active', hash: rules.hash })
    const body = { kind: 'rules', nowMs, ruleset: rules.hash } as const
    return activate(this.#engine, this.#partitions, body)
  }

  #slices(nowMs: number): CommitEntry[] {
    const entries: CommitEntry[] = []
    let budget = COMMIT_RECORDS_MAX
    for (const [partition, feed] of this.#feeds) {
      if (budget <= 0) break
      const from = feed.next
      const matches = this.#matchesOf(partition, feed, feed.take(budget))
      if (matches.length === 0) continue
      const count = matches.reduce((sum, slab) => sum + slab.count, 0)
      budget -= count
      this.#evaluated.set(partition, (this.#evaluated.get(partition) ?? 0) + count)
      const slice = { partition, from, matches }
      const at = { nowMs, ruleset: this.#rules.hash }
      entries.push(correlate(this.#engine, this.#partitions, slice, at))
    }
    return entries
  }

  /** What is in memory, or what the journal says when the rows are not there or not current. */
  #matchesOf(partition: string, feed: PartitionFeed, slabs: readonly PlacedSlab[]): readonly Matches[] {
    const found: Matches[] = []
    for (const slab of slabs) {
      if (slab.matches?.ruleset === this.#rules.hash) {
        found.push(slab.matches)
        continue
      }
      const to = slab.count === 0 ? feed.durableTo : slab.from + slab.count
      const budget = slab.count === 0 ? COMMIT_RECORDS_MAX : slab.count
      const read = this.#rematch.read(partition, { from: slab.from, to, budget }, (input) => ({
        matcher: this.#rules.matcher(input),
        ruleset: this.#rules.hash,
      }))
      if (read.length === 0) {
        throw new Error(`journal has no record ${partition}:${slab.from}, though it was durable`)
      }
      if (slab.count === 0) feed.next += read.reduce((sum, { count }) => sum + count, 0)
      found.push(...read)
    }
    return found
  }

  /** State changes of partitions, the minute's entry, and a second's while a timer waits idle. */
  #clock(nowMs: number): CommitEntry[] {
    if (!this.#isTicking || this.#isStopping) return []
    this.#isTicking = false
    const due = this.#partitions.due(
      nowMs,
      (id) => this.#feeds.get(id)?.isCaughtUp ?? true,
      () => 'up',
    )
    const changes = due?.kind === 'clock' ? due.partitions : []
    const retired = this.#finishedBacklog().filter(({ id }) => !changes.some((c) => c.id === id))
    const isMinute = nowMs - this.#lastClockMs >= CLOCK_ENTRY_MS
    const isWaiting = !this.#engine.isQuiet() && this.#hasIdle()
    if (changes.length + retired.length === 0 && !isMinute && !isWaiting) return []
    return [this.#passTime(nowMs, [...changes, ...retired])]
  }

  #hasIdle(): boolean {
    return this.#partitions.states().some(({ progress }) => progress === 'idle')
  }

  #passTime(nowMs: number, partitions: ClockStates): CommitEntry {
    this.#lastClockMs = nowMs
    return passTime(this.#engine, this.#partitions, { kind: 'clock', nowMs, partitions })
  }

  /** This epoch's partitions, which the first entry after a start opens. */
  #openings(): ClockStates {
    const inputs = Object.keys(this.#rules.source.inputs)
    return inputs.map((input) => {
      const id = partitionId(input, this.#epoch)
      return { id, link: 'up', progress: 'caught_up' }
    })
  }

  /** Partitions of former epochs that are now read to the end (design §4.5: retired). */
  #finishedBacklog(): ClockStates {
    return this.#partitions
      .states()
      .filter(({ epoch, progress }) => epoch < this.#epoch && progress !== 'retired')
      .filter(({ id }) => this.#feeds.get(id)?.isCaughtUp ?? true)
      .map(({ id, link }) => ({ id, link, progress: 'retired' }))
  }

  /** What earlier processes wrote to the journal and nobody evaluated. */
  #openBacklog(): void {
    for (const { partition, next } of this.#options.journal.partitions()) {
      const state = this.#partitions.states().find(({ id }) => id === partition)
      this.#feeds.set(partition, new PartitionFeed(state?.next ?? 0, next))
    }
  }

  #feed(partition: string): PartitionFeed {
    let feed = this.#feeds.get(partition)
    if (feed === undefined) {
      feed = new PartitionFeed(0)
      this.#feeds.set(partition, feed)
    }
    return feed
  }

  #setRules(rules: LoadedRules): void {
    this.#rules = rules
    this.#options.decisions.setRules(rules)
  }

  #newEngine(previous?: Engine): Engine {
    const reorderOf = (input: string): number => this.#rules.timing(input).reorderMs
    const options = { ruleset: this.#rules.ruleset, reorderOf }
    return createEngine(previous === undefined ? options : { ...options, previous })
  }

  #refuse(request: CommandRequest): void {
    const message = 'the service is stopping; try again in a moment'
    const result = { id: request.id, ok: false, reason: 'unavailable', message } as const
    this.#options.post({ kind: 'result', result })
  }

  #stats() {
    return coreStats({
      nowMs: this.#options.clock(),
      partitions: this.#partitions,
      feeds: this.#feeds,
      evaluated: this.#evaluated,
      rules: this.#engine.stats(),
      ruleset: this.#rules.hash,
      lastNo: this.#nextNo - 1,
      queueMax: WAITING_ROWS_MAX,
      inputOf: inputOfPartition,
    })
  }
}

type ClockStates = (LogBody & { kind: 'clock' })['partitions']

/** A database that is full, busy or slow heals; everything else is a broken promise of ours. */
function isRetryable(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreWriteError'
}
