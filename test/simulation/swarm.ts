import type { InputSpec, RuleSpec, RulesSpec } from './rule-spec.ts'
import { Random } from './random.ts'

/** What a seed switches on, and how hard: no two runs meet the same weather. */
export interface Swarm {
  /** How long traffic and faults last, ms. */
  readonly lengthMs: number
  readonly threads: number
  readonly slabMax: number
  /** Mean time of a message between two threads, ms. */
  readonly delayMs: number
  readonly clock: { readonly drift: number; readonly noiseMs: number }
  readonly store: {
    readonly latencyMs: number
    readonly lostReply: number
    readonly slow: number
    readonly failing: number
  }
  /** Processes of two engine versions follow each other: each has other hashes for its effects. */
  readonly deploys: boolean
  readonly receiverFailing: number
  readonly mayBeGone: boolean
  readonly traffic: {
    readonly perSecond: number
    /** Shares of events. */
    readonly late: number
    readonly tooLate: number
    readonly doubled: number
    readonly withoutTime: number
    readonly withoutHost: number
    /** Of these, a device whose clock is ahead by up to 5 min, or further, or behind. */
    readonly poisoned: 'none' | 'ahead' | 'clamped' | 'behind'
  }
  /** Kinds of nemesis actions, and how many of them in all. */
  readonly nemesis: readonly string[]
  readonly nemesisCount: number
  readonly peopleCount: number
  readonly rules: RulesSpec
}

export const NEMESES = [
  'crash',
  'stop',
  'crash-at-commit',
  'pause',
  'take-over',
  'store-full',
  'journal-full',
  'clock-step',
  'receiver-down',
  'input-silent',
  'stall',
  'damage',
  'edit-title',
  'edit-threshold',
  'edit-window',
  'add-rule',
  'remove-rule',
] as const

export function swarmOf(seed: number): Swarm {
  const random = new Random(seed, 'swarm')
  const on = <T>(value: T, off: T, probability = 0.5): T =>
    random.chance(probability) ? value : off
  const inputs = inputsOf(random)
  return {
    lengthMs: random.between(20, 70) * 1_000,
    threads: random.between(1, 3),
    slabMax: random.pick([1, 4, 12]),
    delayMs: random.pick([2, 30, 250]),
    clock: { drift: on(random.pick([-0.01, 0.01]), 0), noiseMs: on(400, 0, 0.3) },
    store: {
      latencyMs: random.pick([1, 10, 100]),
      lostReply: on(0.05, 0),
      slow: on(0.01, 0),
      failing: on(0.06, 0),
    },
    deploys: random.chance(0.3),
    receiverFailing: on(0.3, 0),
    mayBeGone: random.chance(0.2),
    traffic: {
      perSecond: random.pick([1, 2, 4]),
      late: on(0.2, 0),
      tooLate: on(0.05, 0),
      doubled: on(0.1, 0),
      withoutTime: on(0.1, 0),
      withoutHost: on(0.1, 0),
      poisoned: random.pick(['none', 'none', 'ahead', 'clamped', 'behind'] as const),
    },
    nemesis: NEMESES.filter(() => random.chance(0.4)),
    nemesisCount: random.between(0, 12),
    peopleCount: random.between(0, 12),
    rules: { inputs, rules: rulesOf(random, inputs) },
  }
}

export const HOSTS = ['alpha', 'beta', 'gamma']
export const KINDS = ['bad', 'odd', 'fine']

function inputsOf(random: Random): InputSpec[] {
  return ['gate', 'yard'].slice(0, random.between(1, 2)).map((name) => ({
    name,
    reorderMs: random.pick([0, 1_000, 3_000]),
    idleAfterMs: random.pick([5_000, 15_000]),
  }))
}

function rulesOf(random: Random, inputs: readonly InputSpec[]): RuleSpec[] {
  const count = random.between(1, 3)
  return Array.from({ length: count }, (_, i) => ruleOf(random, inputs, `rule-${i}`))
}

export function ruleOf(random: Random, inputs: readonly InputSpec[], id: string): RuleSpec {
  const withinMs = random.pick([2_000, 5_000, 12_000])
  const lateByMs = random.pick([0, 2_000, 6_000])
  const isMatch = random.chance(0.3)
  const atLeast = random.between(2, 5)
  return {
    id,
    title: `Title of ${id}`,
    severity: random.pick(['low', 'medium', 'high'] as const),
    inputs: random.chance(0.5) ? [] : [random.pick(inputs).name],
    kind: random.pick(['bad', 'bad', 'odd']),
    codeAtLeast: random.chance(0.3) ? 400 : null,
    groupBy: random.chance(0.7) ? ['device'] : [],
    threshold: isMatch ? null : { atLeast, withinMs },
    critical: isMatch || random.chance(0.5) ? null : atLeast + 2,
    lateByMs,
    quietMs: random.pick([1_000, 4_000, 15_000, 25_000]),
    clock: random.chance(0.15) ? 'received' : 'event',
    isShadow: random.chance(0.1),
  }
}
