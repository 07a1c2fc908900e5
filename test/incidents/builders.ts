import { createDecide } from '../../src/incidents/decide.ts'
import { openKeyOf } from '../../src/incidents/dedup.ts'
import type { IncidentPolicy } from '../../src/incidents/policy.ts'
import { DEFAULT_POLICY } from '../../src/incidents/policy.ts'
import type { RuleInfo } from '../../src/incidents/rule-info.ts'
import type { CommandRequest, IncidentCommand } from '../../src/model/command.ts'
import type { Episode, EpisodeChange, EpisodeChangeKind, Mode } from '../../src/model/episode.ts'
import type { IncidentEvent } from '../../src/model/incident.ts'
import type { Delivery } from '../../src/model/outbox.ts'
import { MemoryStore } from './memory-store.ts'

export const NOW = Date.UTC(2026, 0, 15, 12)
export const MINUTE = 60_000
export const HOUR = 3_600_000

export const RULE: RuleInfo = {
  title: 'Checkout answers with server errors',
  labels: { team: 'payments' },
  annotations: {
    runbook: 'https://runbooks.example.org/checkout-5xx',
    summary: '{{ value }} errors in {{ window }} in {{ group.region }}',
  },
  threshold: 'at_least 20',
  window: '5m',
  graylogUrl: 'https://graylog.example.org/search?q=region%3A{{ group.region }}&from={{ from }}',
}

/** A store whose decide knows one rule; rules named `shadow…` are in shadow mode. */
export function createStore(
  rules: Readonly<Record<string, RuleInfo>> = { checkout: RULE },
  policy: IncidentPolicy = DEFAULT_POLICY,
) {
  const mode = (ruleId: string): Mode => (ruleId.startsWith('shadow') ? 'shadow' : 'real')
  const keyOf = openKeyOf(mode)
  const decide = createDecide({
    policy,
    ruleInfo: (ruleId) => rules[ruleId],
    openKeyOf: keyOf,
    deliveriesFor: (event) => [deliveryOf(event)],
  })
  return new MemoryStore(decide, keyOf)
}

function deliveryOf(event: IncidentEvent): Delivery {
  return {
    id: `${event.incident.id}-${event.sequence}`,
    receiver: 'desk',
    incidentId: event.incident.id,
    orderKey: event.incident.id,
    sequence: event.sequence,
    type: event.type,
    body: '{}',
    createdMs: event.atMs,
  }
}

export function episode(values: Partial<Episode> = {}): Episode {
  return {
    id: 'e1',
    ruleId: 'checkout',
    ruleRev: 'r1',
    group: { region: 'eu' },
    groupKey: '["eu"]',
    state: 'open',
    startMs: NOW - MINUTE,
    endMs: NOW - MINUTE,
    matches: 20,
    firings: 1,
    peak: 20,
    value: 20,
    severity: 'high',
    openedRef: 'payments@1:19',
    firstRef: 'payments@1:0',
    lastRef: 'payments@1:19',
    flags: [],
    ...values,
  }
}

/** A change with the state that its kind leaves behind. */
export function change(
  kind: EpisodeChangeKind,
  values: Partial<Episode> = {},
  more: Partial<Pick<EpisodeChange, 'into' | 'cause'>> = {},
): EpisodeChange {
  const state = kind === 'cleared' ? 'cleared' : kind === 'settled' ? 'settled' : 'open'
  const whole = episode({ state, ...values })
  return { change: kind, episode: whole, atMs: whole.endMs, quietMs: 5 * MINUTE, ...more }
}

let commands = 0

export function command(
  command: IncidentCommand,
  more: Partial<Omit<CommandRequest, 'command'>> = {},
): CommandRequest {
  return { id: `c${++commands}`, actor: 'anna', command, ...more }
}
