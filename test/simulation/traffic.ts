import { START_MS } from './process-clock.ts'
import type { Random } from './random.ts'
import type { Fields } from './rule-spec.ts'
import { HOSTS, KINDS } from './swarm.ts'
import type { Swarm } from './swarm.ts'

/** A record on its way to an input. */
export interface Message {
  readonly atMs: number
  readonly input: string
  readonly bytes: Uint8Array
}

/** A GELF message; `timeMs` null leaves its time out. */
export function gelf(fields: Fields, timeMs: number | null): Uint8Array {
  const own = Object.fromEntries(Object.entries(fields).map(([name, v]) => [`_${name}`, v]))
  const time = timeMs === null ? {} : { timestamp: timeMs / 1000 }
  const core = { version: '1.1', host: 'simulated', short_message: 'something' }
  return Buffer.from(JSON.stringify({ ...core, ...time, ...own }))
}

/** Everything that devices send while the run lasts, in order of arrival. */
export function trafficOf(swarm: Swarm, random: Random): Message[] {
  const messages: Message[] = []
  for (const { name, reorderMs } of swarm.rules.inputs) {
    for (let atMs = 0; ;) {
      atMs += random.delay(1_000 / swarm.traffic.perSecond)
      if (atMs >= swarm.lengthMs) break
      const burst = random.chance(0.1) ? random.between(2, 6) : 1
      const kind = random.pick(KINDS)
      const host = random.pick(HOSTS)
      for (let i = 0; i < burst; i++) {
        const bytes = record(swarm, random, { kind, host, atMs, reorderMs })
        messages.push({ atMs, input: name, bytes })
        if (random.chance(swarm.traffic.doubled)) {
          messages.push({ atMs: atMs + random.delay(2_000), input: name, bytes })
        }
      }
    }
  }
  return messages
}

function record(
  swarm: Swarm,
  random: Random,
  at: {
    readonly kind: string
    readonly host: string
    readonly atMs: number
    readonly reorderMs: number
  },
): Uint8Array {
  const { traffic } = swarm
  const fields: Record<string, string | number> = { kind: at.kind }
  if (!random.chance(traffic.withoutHost)) fields['device'] = at.host
  if (!random.chance(0.1)) fields['code'] = random.pick([200, 200, 404, 503])
  if (random.chance(traffic.withoutTime)) return gelf(fields, null)
  return gelf(fields, START_MS + at.atMs + deviationMs(swarm, random, at))
}

/** How far an event's own time is from the true one. */
function deviationMs(
  { traffic }: Swarm,
  random: Random,
  at: { readonly host: string; readonly reorderMs: number },
): number {
  if (at.host === HOSTS[0]) {
    if (traffic.poisoned === 'ahead') return 290_000
    if (traffic.poisoned === 'clamped') return 3_000_000
    if (traffic.poisoned === 'behind') return -86_400_000
  }
  if (random.chance(traffic.tooLate)) return -random.between(5_000, 40_000)
  if (random.chance(traffic.late)) return -random.between(0, at.reorderMs + 6_000)
  return -random.between(0, Math.max(at.reorderMs, 20))
}
