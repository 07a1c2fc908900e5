import type { Random } from './random.ts'
import type { RuleSpec } from './rule-spec.ts'
import { ruleOf } from './swarm.ts'
import type { Swarm } from './swarm.ts'

/** Something that happens to the world at a moment. Plain data: the shrinker drops some of it. */
export type Action = { readonly atMs: number; readonly number: number } & (
  | { readonly kind: 'crash' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'crash-at-commit'; readonly when: 'before' | 'after' }
  | { readonly kind: 'pause'; readonly forMs: number; readonly takeOver: boolean }
  | { readonly kind: 'take-over' }
  | { readonly kind: 'store-full'; readonly forMs: number }
  | { readonly kind: 'journal-full'; readonly forMs: number }
  | { readonly kind: 'clock-step'; readonly byMs: number }
  | { readonly kind: 'receiver-down'; readonly receiver: string; readonly forMs: number }
  | { readonly kind: 'input-silent'; readonly input: string; readonly forMs: number }
  | { readonly kind: 'stall'; readonly forMs: number }
  /** Matching falls behind for a while; then all processes die and the journal has holes. */
  | { readonly kind: 'damage'; readonly forMs: number; readonly share: number }
  | { readonly kind: 'edit-title'; readonly rule: number }
  | { readonly kind: 'edit-threshold'; readonly rule: number; readonly atLeast: number }
  | { readonly kind: 'edit-window'; readonly rule: number; readonly withinMs: number }
  | { readonly kind: 'add-rule'; readonly rule: RuleSpec }
  | { readonly kind: 'remove-rule'; readonly rule: number }
  | {
      readonly kind: 'people'
      readonly what: 'acknowledge' | 'note' | 'advance' | 'dismiss' | 'back'
      /** Which incident, as a share of those that are there. */
      readonly which: number
      readonly isStale: boolean
    }
)

const EDITS = ['edit-title', 'edit-threshold', 'edit-window', 'add-rule', 'remove-rule']

/** The plan of a seed: what nemesis and people will do, in order of time. */
export function planOf(swarm: Swarm, random: Random, receivers: readonly string[]): Action[] {
  const plan: Action[] = []
  let number = 0
  const moment = () => ({ atMs: random.between(500, swarm.lengthMs), number: number++ })
  for (let i = 0; i < swarm.nemesisCount && swarm.nemesis.length > 0; i++) {
    const kind = random.pick(swarm.nemesis)
    const first = {
      ...moment(),
      ...detail(kind, { swarm, random, receivers, number: i }),
    } as Action
    plan.push(first)
    // People save a file twice: the second edit comes while the first is still on its way.
    if (!EDITS.includes(kind) || random.chance(0.6)) continue
    const again = detail(random.pick(EDITS), { swarm, random, receivers, number: 100 + i })
    plan.push({ ...moment(), ...again, atMs: first.atMs + random.between(0, 300) } as Action)
  }
  for (let i = 0; i < swarm.peopleCount; i++) {
    const what = random.pick([
      'acknowledge',
      'note',
      'advance',
      'advance',
      'dismiss',
      'back',
    ] as const)
    const isStale = random.chance(0.2)
    plan.push({ ...moment(), kind: 'people', what, which: random.next(), isStale })
  }
  return plan.sort((a, b) => a.atMs - b.atMs || a.number - b.number)
}

function detail(
  kind: string,
  at: {
    readonly swarm: Swarm
    readonly random: Random
    readonly receivers: readonly string[]
    readonly number: number
  },
): object {
  const { swarm, random } = at
  const rule = random.between(0, 9)
  switch (kind) {
    case 'crash-at-commit':
      return { kind, when: random.pick(['before', 'after']) }
    case 'pause':
      return { kind, forMs: random.between(500, 30_000), takeOver: random.chance(0.7) }
    case 'store-full':
    case 'journal-full':
    case 'stall':
      return { kind, forMs: random.between(500, 12_000) }
    case 'damage':
      return { kind, forMs: random.between(1_000, 6_000), share: random.pick([0.3, 0.9]) }
    case 'clock-step':
      return { kind, byMs: random.pick([-3_600_000, 3_600_000, -90_000, 90_000, 1_000]) }
    case 'receiver-down':
      return { kind, receiver: random.pick(at.receivers), forMs: random.between(1_000, 60_000) }
    case 'input-silent': {
      const input = random.pick(swarm.rules.inputs).name
      return { kind, input, forMs: random.between(5_000, 50_000) }
    }
    case 'edit-threshold':
      return { kind, rule, atLeast: random.between(1, 7) }
    case 'edit-window':
      return { kind, rule, withinMs: random.pick([1_000, 4_000, 20_000]) }
    case 'add-rule':
      return { kind, rule: ruleOf(random, swarm.rules.inputs, `added-${at.number}`) }
    case 'edit-title':
    case 'remove-rule':
      return { kind, rule }
    default:
      return { kind }
  }
}
