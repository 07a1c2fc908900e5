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
import type { CommitEntry, CoreStore, TimeBucket } from '../../model/commit.ts'
import type { EpisodeChange } from '../../model/episode.ts'
import type { Report } from '../../model/occurrence.ts'
import type { AttemptReport } from '../../model/outbox.ts'
import { epochOfPartition } from '../../model/slab.ts'
import { activate, correlate, passTime } from '../../pipeline.ts'
import { createEngine } from '../../rules/engine.ts'
import type { Engine, EngineOptions } from '../../rules/engine.ts'
import { PartitionTracker } from '../../rules/partition-tracker.ts'
import type { Span } from '../../telemetry/tracing.ts'
import type {
  ConfirmRequest,
  CoreToIntake,
  FromCore,
  FromRebuild,
  RulesMessage,
  ToCore,
  ToRebuild,
} from '../messages.ts'
import { slabName } from '../messages.ts'
import type { Port } from '../ports.ts'
import { Checkpointer } from './checkpointer.ts'
import { Committer } from './committer.ts'
import { coreStats } from './core-stats.ts'
import type { Decisions } from './decide-with.ts'
import { DroppedNotes } from './dropped.ts'
import { evidenceOf } from './evidence.ts'
import { Feeds, mayGrow } from './feeds.ts'
import { withGaps, withLogGaps } from './gaps.ts'
import { InputGaps } from './input-gaps.ts'
import { InputLinks } from './input-links.ts'
import { InvariantGuard } from './invariant-guard.ts'
import { leaveOut } from './broken-work.ts'
import { loadRulesOnce, NO_RULES, parseRules } from './loaded-rules.ts'
import type { LoadedRules, LoadRules } from './loaded-rules.ts'
import { LateShare } from './late-share.ts'
import { LogOpenings } from './log-openings.ts'
import type { Opening } from './log-openings.ts'
import { NextRules } from './next-rules.ts'
import type { Wanted } from './next-rules.ts'
import { PartitionClock } from './partition-clock.ts'
import type { ClockStates } from './partition-clock.ts'
import { withQuarantined } from './quarantine.ts'
import { Rebuilder } from './rebuilder.ts'
import { runRecompute } from './recompute-run.ts'
import { Recomputer } from './recomputer.ts'
import type { RunRecompute } from './recomputer.ts'
import { recover } from './recover.ts'
import { Rematch } from './rematch.ts'
import { SILENT_RULE_ID, SilentInputs } from './silent-inputs.ts'
import { ToldGaps } from './told-gaps.ts'

/** Records of one commit (design §4.1). */
const COMMIT_RECORDS_MAX = 5_000
const TICK_MS = 1_000
/** Ended between two looks at messages: some 2 ms. */
const GROUPS_PER_TURN = 500
/**
 * A process that we replaced finds out at its next commit, at the latest after its minute's clock
 * entry; one that was frozen may wake much later, so it is looked for now and then.
 */
const OVERLAP_TICKS = 120

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
  /** The spare thread, which rebuilds the state of edited rules. */
  readonly rebuild: Port<ToRebuild, FromRebuild>
  /** So few records may be left of a rebuild for the core to wait for it; default 1,000. */
  readonly nearRecords?: number
  readonly report: Report
  /** A span per slice, where traces are on. */
  readonly span: Span
  readonly post: (message: FromCore) => void
  /** Tells an intake thread. */
  readonly toIntake: (thread: number, message: CoreToIntake) => void
  /** The core cannot go on: fenced, or a promise of ours is broken. */
  readonly onFatal: (error: Error) => void
  /** Reads late matches back; default: here, between other work. */
  readonly runRecompute?: RunRecompute
  /** Lets messages in between two commits; default: the event loop's next round. */
  readonly yieldTo?: () => Promise<void>
  /** Compiles rule sets; default: remembers the last one. */
  readonly loadRules?: LoadRules
}

export class Core {
  readonly #options: CoreOptions
  readonly #rematch: Rematch
  readonly #feeds: Feeds
  readonly #committer: Committer
  readonly #checkpointer: Checkpointer
  readonly #partitions: PartitionTracker
  readonly #partitionClock: PartitionClock
  readonly #links = new InputLinks()
  readonly #openings: LogOpenings
  readonly #rebuilder: Rebuilder
  readonly #recomputer: Recomputer
  readonly #lateShare: LateShare
  readonly #loadRules: LoadRules
  /** Hash of the rule set that is in force before the first one. */
  readonly #noRules: string
  readonly #guard: InvariantGuard
  #rules: LoadedRules
  #engine: Engine
  #epoch = 0
  #lastNowMs = 0
  #isLive = false
  #isTicking = false
  #ticks = 0
  #isStopping = false
  #isDead = false
  readonly #nextRules: NextRules
  #commands: CommandRequest[] = []
  #attempts: AttemptReport[] = []
  readonly #dropped = new DroppedNotes()
  readonly #inputGaps = new InputGaps()
  readonly #silentInputs = new SilentInputs()
  readonly #toldGaps: ToldGaps
  #confirmations: ConfirmRequest[] = []
  #running: Promise<void> | undefined
  #stopTick: Cancel = () => undefined

  constructor(options: CoreOptions) {
    this.#options = options
    this.#loadRules = options.loadRules ?? loadRulesOnce()
    this.#rules = this.#loadRules(NO_RULES)
    this.#noRules = this.#rules.hash
    this.#nextRules = new NextRules(this.#loadRules)
    this.#rematch = new Rematch(options.journal, options.event)
    this.#feeds = new Feeds(this.#rematch)
    this.#committer = new Committer(options)
    this.#guard = new InvariantGuard({ ...options, committer: this.#committer })
    this.#checkpointer = new Checkpointer({
      store: options.store,
      journal: options.journal,
      report: options.report,
      onComplete: (time) => this.#retain(time),
    })
    this.#partitions = new PartitionTracker([], (input) => this.#rules.timing(input))
    this.#partitionClock = new PartitionClock(this.#partitions, this.#feeds, this.#links)
    this.#openings = new LogOpenings({
      feeds: this.#feeds,
      partitions: this.#partitions,
      journal: options.journal,
    })
    const yieldTo = options.yieldTo ?? nextRound
    this.#rebuilder = new Rebuilder({
      ...options,
      yieldTo,
      partitions: this.#partitions,
      onProgress: () => this.#wake(),
    })
    const { store, report, journal, event } = options
    const run: RunRecompute = (content, task) =>
      runRecompute({ journal, event, yieldTo }, parseRules(content), task)
    this.#lateShare = new LateShare(report)
    this.#toldGaps = new ToldGaps(report)
    this.#recomputer = new Recomputer({
      store,
      report,
      run: options.runRecompute ?? run,
      onAnswer: () => this.#wake(),
    })
    this.#engine = this.#newEngine()
  }

  /** Claims the shard, runs the kept log again, and answers `ready` with its epoch. */
  async start(): Promise<void> {
    const { store, journal, clock, timers, report, owner, post } = this.#options
    const claim = await store.claim(owner, clock())
    report({ name: 'core.claimed', detail: { epoch: claim.epoch, nextNo: claim.nextNo } })
    this.#committer.nextNo = claim.nextNo
    this.#inputGaps.restore(claim.listenedMs, claim.partitions)
    this.#silentInputs.restore(await store.unsettledEpisodes(SILENT_RULE_ID))
    this.#engine = await recover({
      ...this.#options,
      claim,
      nowMs: clock(),
      partitions: this.#partitions,
      rematch: this.#rematch,
      rebuilder: this.#rebuilder,
      loadRules: this.#loadRules,
      guard: this.#guard,
      useRules: (rules) => this.#setRules(rules),
    })
    this.#epoch = claim.epoch
    this.#feeds.openBacklog(journal, claim.partitions)
    this.#stopTick = timers.every(TICK_MS, () => this.#tick())
    post({ kind: 'ready', epoch: claim.epoch })
  }

  receive(message: ToCore): void {
    switch (message.kind) {
      case 'durable':
        this.#feeds.durable(message.durable)
        break
      case 'matches': {
        const dropped = this.#feeds.matches(
          message.matches,
          this.#isUsable(message.matches.ruleset),
        )
        if (dropped > 0) this.#options.report({ name: 'core.rows_dropped', count: dropped })
        break
      }
      case 'refused':
        this.#feeds.refused(message.partition, slabName(message))
        break
      case 'announce':
        this.#nextRules.receive(message)
        this.#options.post({ kind: 'announced', order: message.order })
        break
      case 'rules':
        this.#nextRules.receive(message)
        break
      case 'logs':
        this.#openings.add(message)
        break
      case 'link':
        this.#links.set(message, this.#options.clock())
        break
      case 'routing':
        this.#options.decisions.setRouting(message.routing)
        break
      case 'command':
        if (this.#isStopping) this.#refuse(message.request)
        else this.#commands.push(message.request)
        break
      case 'confirm':
        this.#confirmations.push(message.request)
        break
      case 'attempt':
        this.#attempts.push(message.report)
        break
      case 'dropped':
        this.#dropped.add(message.dropped)
        break
      case 'listens':
        this.#inputGaps.listens(message.inputs, message.atMs, this.#silentAfterMs)
        break
      case 'senders':
        this.#inputGaps.link(message.change)
        break
      case 'hung_up':
        this.#inputGaps.hungUp(message.atMs)
        break
      case 'stop':
        break
    }
    this.#wake()
  }

  /** Commits what has arrived, then closes the store. Call when intake and journal have stopped. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#recomputer.stop()
    this.#stopTick()
    await this.#settled()
    this.#wake()
    await this.#settled()
    this.#options.journal.close()
    await this.#options.store.close()
  }

  async #settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** The active rule set, or the one to come. */
  #isUsable(ruleset: string): boolean {
    return ruleset === this.#rules.hash || this.#nextRules.isNear(ruleset)
  }

  #tick(): void {
    this.#isTicking = true
    const { journal } = this.#options
    this.#ticks++
    const mayOverlap = this.#ticks <= OVERLAP_TICKS || this.#ticks % OVERLAP_TICKS === 0
    if (this.#isLive && mayOverlap) {
      const isWanted = (id: string): boolean => mayGrow(id, this.#partitions.state(id))
      this.#feeds.growBacklog(journal, this.#epoch, isWanted)
    }
    this.#wake()
    if (!this.#isLive) return
    const nowMs = this.#options.clock()
    const { lastReload } = this.#rebuilder
    const stats = coreStats({
      nowMs,
      partitions: this.#partitions,
      inputGaps: this.#inputGaps,
      silentInputs: this.#silentInputs,
      feeds: this.#feeds,
      links: this.#links,
      rules: this.#guard.withMarks(this.#engine.stats()),
      ruleset: this.#rules.hash,
      lastNo: this.#committer.nextNo - 1,
    })
    const more = lastReload === undefined ? {} : { lastReload }
    this.#options.post({ kind: 'stats', stats: { ...stats, ...more } })
  }

  #wake(): void {
    if (this.#running !== undefined || this.#isDead) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async #run(): Promise<void> {
    const yieldTo = this.#options.yieldTo ?? nextRound
    try {
      while (await this.#turn()) await yieldTo()
    } catch (error) {
      this.#isDead = true
      const at = { no: this.#committer.nextNo, ruleset: this.#rules.ruleset }
      const nowMs = Math.max(this.#options.clock(), this.#lastNowMs)
      this.#options.onFatal(await this.#guard.lastWord(error as Error, { ...at, nowMs }))
    }
  }

  /** One commit of what has arrived, and a step of the checkpoint; `false` when both are idle. */
  async #turn(): Promise<boolean> {
    const hasCommitted = await this.#commitArrived()
    if (!this.#isLive) return hasCommitted
    await this.#recomputer.step(this.#options.clock(), this.#partitions.states())
    const hasMore = await this.#checkpointer.step(this.#options.clock(), {
      engine: this.#engine,
      nextNo: this.#committer.nextNo,
      time: () => ({
        ruleset: this.#rules.hash,
        partitions: this.#partitions.states(),
        watermarks: this.#engine.watermarks(),
      }),
    })
    return hasCommitted || hasMore
  }

  async #commitArrived(): Promise<boolean> {
    let nowMs = Math.max(this.#options.clock(), this.#lastNowMs)
    const entries: CommitEntry[] = []
    const firstNo = this.#committer.nextNo
    const wanted = this.#nextRules.wanted()
    const next = wanted && this.#nextPrepared(wanted, nowMs)
    if (next !== undefined) {
      entries.push(await this.#activate({ ...wanted!, message: next }, nowMs, firstNo))
      // What arrived while state was handed over was not received before its entry.
      nowMs = Math.max(this.#options.clock(), nowMs)
    }
    if (!this.#isLive) {
      // Without any rules in force there is nothing to go on with.
      if (wanted === undefined || (next === undefined && this.#rules.hash === this.#noRules))
        return false
      // While an edit made meanwhile is prepared, the rules that were in force before go on.
      this.#isLive = true
      this.#links.setInputs(wanted.rules.source.inputs)
      const openings = this.#partitionClock.openings(this.#epoch, this.#links.sockets())
      entries.push(this.#passTime(nowMs, openings, firstNo + entries.length))
    }
    const recordsMax = this.#guard.recordsMax(COMMIT_RECORDS_MAX)
    for (const slice of this.#feeds.take(recordsMax, this.#rules)) {
      const { partition, from, count } = slice
      const { ruleset, hash } = this.#rules
      const broken = this.#guard.begins(slice, { nowMs, no: firstNo + entries.length }, ruleset)
      entries.push(...broken)
      const at = { nowMs, ruleset: hash, no: firstNo + entries.length }
      if (broken.length > 0) {
        entries.push(leaveOut(this.#engine, this.#partitions, { ...slice, ruleset: hash }, at))
        continue
      }
      entries.push(
        this.#options.span('tocsin.slice', { partition, from, count }, () =>
          this.#lateShare.observe(
            withQuarantined(
              withGaps(
                correlate(this.#engine, this.#partitions, slice, at),
                slice,
                this.#options.report,
              ),
              slice,
              this.#options.journal,
            ),
            slice,
          ),
        ),
      )
    }
    const silent = this.#isTicking ? this.#silentOnes(nowMs) : []
    const openings = this.#openings.take(this.#epoch)
    for (const { states, gaps } of openings) {
      const entry = this.#passTime(nowMs, states, firstNo + entries.length)
      entries.push(withLogGaps(entry, gaps, this.#options.report))
    }
    if (this.#isTicking) {
      this.#isTicking = false
      const due = this.#partitionClock.due(nowMs, this.#engine)
      if (due !== undefined) entries.push(this.#passTime(nowMs, due, firstNo + entries.length))
    }
    for (const request of this.#confirmations.splice(0)) {
      entries.push(...this.#guard.confirmed(request, nowMs))
    }
    const commands = this.#commands.splice(0)
    const attempts = this.#attempts.splice(0)
    const recomputed = this.#recomputer.take()
    const gaps = this.#inputGaps.take(nowMs)
    const isHangUp = this.#inputGaps.takeHangUp()
    if (entries.length === 0) {
      const count = commands.length + attempts.length + recomputed.length
      const hasAny = isHangUp || count + gaps.length + silent.length > 0
      if (!hasAny && this.#dropped.isEmpty) return false
      entries.push(this.#passTime(nowMs, [], firstNo))
    }
    if (!this.#dropped.isEmpty) {
      const last = entries.pop()!
      entries.push(this.#dropped.writeTo(last, (id) => this.#partitions.state(id)))
    }
    if (gaps.length + silent.length > 0) {
      const last = entries.pop()!
      const noted = this.#inputGaps.writeTo(last, gaps, (id) => this.#partitions.state(id))
      const episodes = [...noted.effects.episodes, ...silent]
      entries.push({ ...noted, effects: { ...noted.effects, episodes } })
    }
    this.#lastNowMs = nowMs
    const { engineVersion, journal, event } = this.#options
    const evidence = evidenceOf(entries, journal, event)
    const listenedMs = this.#inputGaps.listenedMs(nowMs)
    const { recomputes } = await this.#committer.commit({
      nowMs,
      engineVersion,
      entries,
      commands,
      attempts,
      recomputed,
      evidence,
      ...(listenedMs !== undefined && { listenedMs }),
    })
    this.#toldGaps.tell(entries)
    if (recomputes.asked > 0) this.#recomputer.asked()
    this.#guard.committed(entries)
    this.#tellIntakes(entries, openings)
    return true
  }

  #silentOnes(nowMs: number): readonly EpisodeChange[] {
    return this.#silentInputs.due({
      nowMs,
      states: this.#partitions.states(),
      isCaughtUp: (id) => this.#feeds.isCaughtUp(id),
      silentAfterMs: this.#silentAfterMs,
    })
  }

  /** What intakes that read logs wait for, now that it is committed. */
  #tellIntakes(entries: readonly CommitEntry[], openings: readonly Opening[]): void {
    const { toIntake } = this.#options
    for (const { thread, answer } of openings) toIntake(thread, answer)
    for (const { body, partitions } of entries) {
      if (body.kind !== 'records') continue
      for (const { id, offset } of partitions) {
        const thread = offset === undefined ? undefined : this.#openings.threadOf(id)
        if (thread === undefined) continue
        toIntake(thread, { kind: 'evaluated', partition: id, offset: offset! })
      }
    }
  }

  /** The rule set to bring into force now, if there is one. */
  #nextPrepared({ rules }: Wanted, nowMs: number): RulesMessage | undefined {
    const at = { nowMs, nextNo: this.#committer.nextNo }
    const change = { former: this.#rules, rules, engine: this.#engine }
    if (!this.#rebuilder.prepare(change, at)) {
      this.#nextRules.postpone()
      return undefined
    }
    return this.#nextRules.prepared((order) => this.#options.post({ kind: 'prepared', order }))
  }

  async #activate({ rules, message }: Wanted, nowMs: number, no: number): Promise<CommitEntry> {
    await this.#committer.saveRuleset({
      hash: rules.hash,
      content: rules.content(),
      nowMs,
      origin: message.origin,
    })
    this.#setRules(rules)
    const at = { engine: this.#engine, rules, nowMs, no }
    const { rebuilt, plan } = await this.#rebuilder.atActivation(at)
    await this.#end(this.#engine.ending(rules.ruleset, rebuilt, no))
    const replaced = { previous: this.#engine, no, ...(rebuilt && { rebuilt }) }
    this.#engine = this.#newEngine({ ...replaced, ...(plan && { warming: plan.warming }) })
    this.#checkpointer.restart()
    this.#options.post({ kind: 'active', hash: rules.hash, origin: message.origin })
    const body = {
      kind: 'rules',
      nowMs,
      ruleset: rules.hash,
      ...(plan && { rebuilt: plan }),
    } as const
    const entry = activate(this.#engine, this.#partitions, body, no)
    this.#rebuilder.tell(this.#engine, { atMs: nowMs, ruleset: rules.hash })
    return this.#guard.activated(entry, rules.ruleset)
  }

  /** Messages come in between: what a rule of many groups had open takes a while to end. */
  async #end(buckets: Iterable<number>): Promise<void> {
    const yieldTo = this.#options.yieldTo ?? nextRound
    let groups = 0
    for (const ended of buckets) {
      groups += ended
      if (groups < GROUPS_PER_TURN) continue
      groups = 0
      await yieldTo()
    }
  }

  #passTime(nowMs: number, partitions: ClockStates, no: number): CommitEntry {
    this.#partitionClock.written(nowMs)
    const body = { kind: 'clock', nowMs, partitions } as const
    return this.#lateShare.observe(passTime(this.#engine, this.#partitions, body, no))
  }

  readonly #silentAfterMs = (input: string): number | undefined =>
    this.#rules.source.inputs[input]?.silentAfterMs

  #setRules(rules: LoadedRules): void {
    this.#rules = rules
    this.#links.setInputs(rules.source.inputs)
    this.#options.decisions.setRules(rules)
  }

  #newEngine(replaced?: Pick<EngineOptions, 'previous' | 'no' | 'rebuilt' | 'warming'>): Engine {
    const { ruleset } = this.#rules
    const reorderOf = (input: string): number => this.#rules.timing(input).reorderMs
    return createEngine({ ruleset, reorderOf, ...replaced })
  }

  /**
   * What a replay from the checkpoint would read again; the journal may drop what lies before. A
   * partition that the checkpoint does not know is not named, so all of it is kept: somebody was
   * told that its records are accepted, and nothing of it has been evaluated. Except of a log:
   * what a fenced writer read of it is read again by ours. While a rebuild reads the journal,
   * everything is kept.
   */
  #retain({ partitions }: TimeBucket): void {
    if (this.#rebuilder.isReading) return
    const below = Object.fromEntries(partitions.map(({ id, next }) => [id, next]))
    const atBegin = new Map(partitions.map((state) => [state.id, state]))
    for (const { partition } of this.#options.journal.partitions()) {
      // As the cycle began, since a replay begins there: it may have been read to its end later.
      const state = atBegin.get(partition)
      const isNews = state === undefined && this.#partitions.state(partition) !== undefined
      const isOver = epochOfPartition(partition) < this.#epoch
      if (isOver && !isNews && !mayGrow(partition, state)) {
        below[partition] = Number.MAX_SAFE_INTEGER
      }
    }
    this.#options.post({ kind: 'retain', below })
  }

  #refuse(request: CommandRequest): void {
    const message = 'the service is stopping; try again in a moment'
    const result = { id: request.id, ok: false, reason: 'unavailable', message } as const
    this.#options.post({ kind: 'result', result })
  }
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
