import type { AttemptFailure, AttemptReport, PendingDelivery } from '../model/outbox.ts'
import type { EgressResult } from './egress.ts'
import { nextAttempt, retryAfterMs } from './schedule.ts'

/**
 * What an attempt's result means (Standard Webhooks): only 2xx is success, 410 ends the delivery
 * and disables the receiver, everything else is tried again by the schedule, `Retry-After` obeyed.
 */
export function verdict(
  delivery: PendingDelivery,
  result: EgressResult,
  facts: { readonly startMs: number; readonly endMs: number; readonly random: number },
): AttemptReport {
  const attempt = delivery.attempt + 1
  const status = result.kind === 'answer' ? result.status : null
  const reason = reasonOf(result)
  const base = {
    deliveryId: delivery.id,
    receiver: delivery.receiver,
    attempt,
    atMs: facts.startMs,
    durationMs: Math.max(0, facts.endMs - facts.startMs),
    status,
    reason,
    detail: (result.kind === 'answer' ? result.bodyStart : result.detail) || null,
    disablesReceiver: reason === 'gone',
  }
  if (reason === null) return { ...base, outcome: 'delivered', nextMs: null }
  if (reason === 'gone') return { ...base, outcome: 'dead', nextMs: null }
  const asked = result.kind === 'answer' ? retryAfterMs(result.retryAfter, facts.endMs) : null
  const next = nextAttempt(attempt, facts.random, asked)
  if (next === 'dead') return { ...base, outcome: 'dead', nextMs: null }
  return { ...base, outcome: 'retry', nextMs: facts.endMs + next.delayMs }
}

/** The end of a delivery whose receiver wants nothing more or is configured no longer. */
export function undeliverable(
  delivery: PendingDelivery,
  atMs: number,
  detail: string,
): AttemptReport {
  return {
    deliveryId: delivery.id,
    receiver: delivery.receiver,
    attempt: delivery.attempt + 1,
    atMs,
    durationMs: 0,
    outcome: 'dead',
    status: null,
    reason: 'disabled',
    detail,
    nextMs: null,
    disablesReceiver: false,
  }
}

/** `null` is success. */
function reasonOf(result: EgressResult): AttemptFailure | null {
  if (result.kind === 'failure') return result.reason
  const { status } = result
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400) return 'redirect'
  if (status === 410) return 'gone'
  if (status === 401 || status === 403) return 'authError'
  if (status === 429) return 'rateLimited'
  if (status >= 400 && status < 500) return 'clientError'
  return 'serverError'
}
