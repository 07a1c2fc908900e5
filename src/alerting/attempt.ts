import type { Clock } from '../lib/clock.ts'
import type { Report } from '../model/occurrence.ts'
import type { AttemptReport, PendingDelivery } from '../model/outbox.ts'
import type { Egress, EgressResult } from './egress.ts'
import { webhookHeaders } from './receivers/webhook/signature.ts'
import type { Receiver } from './settings.ts'
import { verdict } from './verdict.ts'

/** Runs work inside a span of the traces. */
export type Span = <T>(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  run: () => Promise<T>,
) => Promise<T>

export interface AttemptParts {
  readonly egress: Egress
  readonly clock: Clock
  readonly random: () => number
  readonly span: Span
  /** Cuts attempts when the service stops. */
  readonly cut: AbortSignal
}

/**
 * One try: signs with this moment's time, sends, judges. Never rejects: what goes wrong on our
 * side is a failed attempt too, or the delivery would be tried in a circle. `null` when it was
 * cut: then nobody knows what it brought.
 */
export async function makeAttempt(
  parts: AttemptParts,
  delivery: PendingDelivery,
  receiver: Receiver,
): Promise<AttemptReport | null> {
  const { egress, clock, random, span, cut } = parts
  const startMs = clock()
  const attributes = {
    'tocsin.receiver': delivery.receiver,
    'tocsin.delivery': delivery.id,
    'tocsin.incident': delivery.incidentId,
    'tocsin.attempt': delivery.attempt + 1,
  }
  const { id, body } = delivery
  let result: EgressResult
  try {
    result = await span('delivery.attempt', attributes, async () =>
      egress.sendSigned({
        url: receiver.url,
        headers: {
          'content-type': 'application/cloudevents+json; charset=utf-8',
          'user-agent': 'tocsin',
          ...webhookHeaders({ id, timeMs: startMs, body, secrets: receiver.secrets }),
        },
        body,
        timeoutMs: receiver.timeoutMs,
        allow: receiver.allow,
        signal: cut,
      }),
    )
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    result = { kind: 'failure', reason: 'network', detail: `could not be sent: ${message}` }
  }
  if (result.kind === 'failure' && cut.aborted) return null
  return verdict(delivery, result, { startMs, endMs: clock(), random: random() })
}

/** Tells log and metrics what an attempt brought. */
export function tellAttempt(
  report: Report,
  delivery: PendingDelivery,
  attempt: AttemptReport,
): void {
  const { receiver, outcome, reason, status, detail } = attempt
  const facts = {
    delivery: delivery.id,
    incident: delivery.incidentId,
    attempt: attempt.attempt,
    status,
    answer: detail,
  }
  report({
    name: 'delivery.attempted',
    labels: { receiver, outcome, reason: reason ?? 'none' },
    detail: { ...facts, durationMs: attempt.durationMs },
  })
  if (outcome === 'dead') {
    report({ name: 'delivery.dead', labels: { receiver }, detail: { ...facts, reason } })
  }
  if (attempt.disablesReceiver) {
    report({ name: 'receiver.disabled', labels: { receiver }, detail: facts })
  }
}
