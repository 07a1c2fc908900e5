import type { Cancel, Clock, Timers } from '../lib/clock.ts'
import { orAborted } from '../lib/or-aborted.ts'
import type { Report } from '../model/occurrence.ts'
import type { AttemptReport, PendingDelivery } from '../model/outbox.ts'
import { makeAttempt, tellAttempt, type Span } from './attempt.ts'
import type { Egress } from './egress.ts'
import type { OutboxReader } from './outbox.ts'
import type { Receiver } from './settings.ts'
import { undeliverable } from './verdict.ts'

/** Deliveries started from one read, beside those under way. */
const READ_MAX = 64

/** Longest and shortest sleep: a clock that was set, or a time that has passed, costs no more. */
const SLEEP_MS = { min: 1_000, max: 60_000 } as const

/** Waits after a failed read or report: doubling from the first to the last. */
const BACK_OFF_MS = { min: 500, max: 30_000 } as const

export interface SenderOptions {
  readonly reader: OutboxReader
  readonly receivers: readonly Receiver[]
  readonly egress: Egress
  readonly clock: Clock
  readonly timers: Timers
  /** In [0, 1). */
  readonly random: () => number
  readonly report: Report
  /** Hands a result to the core; resolves when it is committed. */
  readonly attempted: (report: AttemptReport) => Promise<void>
  /** Connections per receiver (P4). */
  readonly concurrencyPerReceiver?: number
  /** How long {@link Sender.stop} lets attempts end by themselves. */
  readonly stopGraceMs?: number
  /** Runs an attempt inside a span of the traces; default: just runs it. */
  readonly span?: Span
}

export interface Sender {
  /** Look at the outbox: something was committed. Nothing happens before the first call. */
  wake(): void
  /** Attempts that begin from now on go to these; attempts under way end as they began. */
  replaceReceivers(receivers: readonly Receiver[]): void
  /**
   * Starts nothing more and waits for what is under way, which is cut after the grace time; an
   * attempt that was cut or could not be reported is made again after the restart, same id.
   */
  stop(): Promise<void>
  /** Deliveries with an attempt under way or not yet committed. */
  inFlight(): number
  /** Resolves when nothing is under way and nothing more is due. */
  idle(): Promise<void>
}

/**
 * Takes what is due from the outbox to its receivers. Its promises: one dead receiver delays no
 * other, because each has its own few slots; a delivery has never two attempts at once; the next
 * attempt, or the next delivery of the same incident, begins only after the commit of the last
 * one's report (I11), because slot and order key are held until then.
 */
export function createSender(options: SenderOptions): Sender {
  const { reader, clock, timers, report, attempted } = options
  const slots = options.concurrencyPerReceiver ?? 4
  const cut = new AbortController()
  const parts = {
    egress: options.egress,
    clock,
    random: options.random,
    span: options.span ?? ((_name, _attributes, run) => run()),
    cut: cut.signal,
  }
  let receivers = byName(options.receivers)

  /** By (receiver, order key): at most `slots` for each receiver. */
  const underWay = new Map<string, Promise<void>>()
  const usedSlots = new Map<string, number>()
  /** Ended while a read was under way: that read may still show them as due. */
  let endedDuringRead = new Set<string>()
  const idleWaiters: (() => void)[] = []
  let stopped = false
  let needsTurn = false
  let turning: Promise<void> | null = null
  let readFailures = 0
  let isBackingOff = false
  let cancelTimer: Cancel = () => undefined

  function wake(): void {
    // After a failed read its timer decides, however often somebody wakes us.
    if (stopped || isBackingOff) return
    needsTurn = true
    turning ??= run()
  }

  async function run(): Promise<void> {
    cancelTimer()
    try {
      do {
        needsTurn = false
        await turn()
        sleep(await reader.nextDueMs())
        readFailures = 0
      } while (mayTurn())
    } catch (error) {
      readFailures += 1
      needsTurn = false
      outboxFailed('read', error)
      isBackingOff = true
      sleepFor(backOffMs(readFailures))
    }
    turning = null
    settleIdle()
  }

  function mayTurn(): boolean {
    return needsTurn && !stopped
  }

  /** Reads until everything due is started or waits for a slot of its own receiver. */
  async function turn(): Promise<void> {
    const disabled = new Set(await reader.disabledReceivers())
    for (;;) {
      const busy = [...usedSlots].filter(([, used]) => used >= slots).map(([name]) => name)
      const limit = READ_MAX + underWay.size
      endedDuringRead = new Set()
      const due = await reader.due(clock(), limit, busy)
      let hasStarted = false
      for (const delivery of due) {
        const key = keyOf(delivery)
        if (stopped || underWay.has(key) || endedDuringRead.has(key)) continue
        if ((usedSlots.get(delivery.receiver) ?? 0) >= slots) continue
        start(key, delivery, disabled.has(delivery.receiver))
        hasStarted = true
      }
      const isBusier = [...usedSlots].some(([name, used]) => used >= slots && !busy.includes(name))
      if (stopped || due.length < limit || !(hasStarted || isBusier)) return
    }
  }

  function start(key: string, delivery: PendingDelivery, isDisabled: boolean): void {
    const { receiver } = delivery
    usedSlots.set(receiver, (usedSlots.get(receiver) ?? 0) + 1)
    const ended = (): void => {
      underWay.delete(key)
      endedDuringRead.add(key)
      const left = (usedSlots.get(receiver) ?? 1) - 1
      if (left === 0) usedSlots.delete(receiver)
      else usedSlots.set(receiver, left)
      wake()
      settleIdle()
    }
    underWay.set(key, deliver(delivery, isDisabled).finally(ended))
  }

  async function deliver(delivery: PendingDelivery, isDisabled: boolean): Promise<void> {
    const receiver = receivers.get(delivery.receiver)
    let result: AttemptReport | null
    if (receiver === undefined) {
      result = undeliverable(delivery, clock(), 'this receiver is no longer configured')
    } else if (isDisabled) {
      result = undeliverable(delivery, clock(), 'this receiver is disabled: it answered 410 Gone')
    } else {
      result = await makeAttempt(parts, delivery, receiver)
    }
    if (result === null) return
    tellAttempt(report, delivery, result)
    await commit(result)
  }

  /** Reports until it is committed: only then may another attempt follow. */
  async function commit(result: AttemptReport): Promise<void> {
    for (let failures = 1; !cut.signal.aborted; failures++) {
      try {
        await orAborted(attempted(result), cut.signal)
        return
      } catch (error) {
        if (cut.signal.aborted) return
        outboxFailed('report', error)
      }
      const rest = new Promise<void>((resolve) => {
        timers.after(backOffMs(failures), resolve)
      })
      // A cut ends the rest; the loop sees it.
      await orAborted(rest, cut.signal).catch(() => undefined)
    }
  }

  function outboxFailed(step: 'read' | 'report', error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    report({ name: 'delivery.outbox_failed', labels: { step }, detail: { error: message } })
  }

  function sleep(nextDueMs: number | null): void {
    const untilMs = nextDueMs === null ? SLEEP_MS.max : nextDueMs - clock()
    // Past due and not startable: it waits for a slot or a report, whose end wakes us anyway.
    sleepFor(untilMs <= 0 ? SLEEP_MS.min : Math.min(untilMs, SLEEP_MS.max))
  }

  function sleepFor(delayMs: number): void {
    cancelTimer()
    if (stopped) return
    cancelTimer = timers.after(delayMs, () => {
      isBackingOff = false
      wake()
    })
  }

  function isIdle(): boolean {
    return turning === null && underWay.size === 0
  }

  function settleIdle(): void {
    if (isIdle()) for (const resolve of idleWaiters.splice(0)) resolve()
  }

  return {
    wake,
    replaceReceivers(changed) {
      receivers = byName(changed)
    },
    async stop() {
      stopped = true
      cancelTimer()
      const cancelCut = timers.after(options.stopGraceMs ?? 5_000, () => cut.abort())
      await turning
      await Promise.all(underWay.values())
      cancelCut()
    },
    inFlight: () => underWay.size,
    idle: () =>
      isIdle()
        ? Promise.resolve()
        : new Promise((resolve) => {
            idleWaiters.push(resolve)
          }),
  }
}

function byName(receivers: readonly Receiver[]): ReadonlyMap<string, Receiver> {
  return new Map(receivers.map((receiver) => [receiver.name, receiver]))
}

function keyOf({ receiver, orderKey }: PendingDelivery): string {
  return JSON.stringify([receiver, orderKey])
}

function backOffMs(failures: number): number {
  return Math.min(BACK_OFF_MS.min * 2 ** Math.min(failures - 1, 10), BACK_OFF_MS.max)
}
