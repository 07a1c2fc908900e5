import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BacktestDiff } from '../../src/rules/backtest-diff.ts'
import type { DifferenceLine } from '../../src/rules/backtest-diff.ts'
import type { EpisodeLine } from '../../src/rules/backtest-lines.ts'
import { ruleOf, rulesetOf } from './rule-builder.ts'

const QUIET_MS = 10

/** `[start, end]`, with figures that follow from them unless they are given. */
type Told = readonly [start: number, end: number, over?: Partial<EpisodeLine>]

function episode([start, end, over]: Told): EpisodeLine {
  const figures = { matches: 3, firings: 2, peak: 3, severity: 'high', verdict: null } as const
  const name = { rule: 'rule-1', group: { host: 'a' } }
  return { type: 'episode', change: 'settled', ...name, start, end, ...figures, ...over }
}

function differences(
  old: readonly Told[],
  fresh: readonly Told[],
  options: { readonly differencesMax?: number } = {},
): DifferenceLine[] {
  const rules = (quietMs: number) =>
    rulesetOf(ruleOf({ kind: 'match' }, { quietMs }), ruleOf({ kind: 'match' }, { id: 'rule-2' }))
  // The longer of both quiet periods counts.
  const diff = new BacktestDiff({ old: rules(1), new: rules(QUIET_MS) }, options)
  for (const told of old) diff.take('old', episode(told))
  for (const told of fresh) diff.take('new', episode(told))
  return diff.finish()
}

function short(lines: readonly DifferenceLine[]): string[] {
  return lines.map(({ kind, old, new: fresh }) => {
    const interval = (told: DifferenceLine['old']): string =>
      told === null ? '-' : `${told.start}..${told.end}`
    return `${kind} ${interval(old)} ${interval(fresh)}`
  })
}

describe('the difference of two rule sets', () => {
  it.each<[string, Told[], Told[], string[]]>([
    ['nothing on either side', [], [], []],
    [
      'the same episodes',
      [
        [0, 5],
        [50, 60],
      ],
      [
        [50, 60],
        [0, 5],
      ],
      [],
    ],
    [
      'one more',
      [[0, 5]],
      [
        [0, 5],
        [50, 60],
      ],
      ['gained - 50..60'],
    ],
    [
      'one less',
      [
        [0, 5],
        [50, 60],
      ],
      [[50, 60]],
      ['lost 0..5 -'],
    ],
    ['one that ends later', [[0, 5]], [[0, 9]], ['moved 0..5 0..9']],
    ['one within the quiet period', [[0, 5]], [[15, 20]], ['moved 0..5 15..20']],
    ['one beyond it', [[0, 5]], [[16, 20]], ['lost 0..5 -', 'gained - 16..20']],
    [
      'one that was two',
      [
        [0, 5],
        [16, 40],
      ],
      [[0, 40]],
      ['lost 0..5 -', 'moved 16..40 0..40'],
    ],
    [
      'two that were one',
      [[0, 40]],
      [
        [0, 25],
        [36, 40],
      ],
      ['moved 0..40 0..25', 'gained - 36..40'],
    ],
    [
      'a chain in which each overlaps two',
      [
        [0, 10],
        [30, 60],
      ],
      [
        [8, 35],
        [55, 90],
      ],
      ['moved 0..10 8..35', 'moved 30..60 55..90'],
    ],
    [
      'an equal one beside a near one',
      [
        [0, 10],
        [15, 20],
      ],
      [[15, 20]],
      ['lost 0..10 -'],
    ],
  ])('of %s', (_, old, fresh, expected) => {
    expect(short(differences(old, fresh))).toEqual(expected)
  })

  it.each<[string, Partial<EpisodeLine>]>([
    ['matches', { matches: 4 }],
    ['firings', { firings: 3 }],
    ['peak', { peak: 9 }],
    ['severity', { severity: 'critical' }],
  ])('counts other %s as moved, and shows both', (name, over) => {
    const [line, ...more] = differences([[0, 5]], [[0, 5, over]])
    expect(more).toEqual([])
    expect(line).toMatchObject({ kind: 'moved', start: 0, end: 5 })
    const of = (told: DifferenceLine['old']): unknown => told?.[name as keyof typeof told]
    expect(of(line!.new)).toBe(Object.values(over)[0])
    expect(of(line!.old)).not.toBe(of(line!.new))
  })

  it('never pairs another rule or group', () => {
    const lines = differences(
      [[0, 5]],
      [
        [0, 5, { group: { host: 'b' } }],
        [0, 5, { rule: 'rule-2' }],
      ],
    )
    expect(lines.map(({ kind, rule, group }) => `${kind} ${rule} ${group['host']}`)).toEqual([
      'lost rule-1 a',
      'gained rule-1 b',
      'gained rule-2 a',
    ])
  })

  it('counts settled episodes only', () => {
    expect(differences([[0, 5, { change: 'opened' }]], [])).toEqual([])
  })

  it('holds an episode told twice against one told once', () => {
    expect(
      short(
        differences(
          [
            [0, 5],
            [0, 5],
          ],
          [[0, 5]],
        ),
      ),
    ).toEqual(['lost 0..5 -'])
  })

  it('refuses to hold more differences than it may, but lets equal ones cancel', () => {
    const many = Array.from({ length: 20 }, (_, i): Told => [i * 100, i * 100 + 5])
    expect(() => differences(many, [], { differencesMax: 19 })).toThrow(/more than 19 episodes/)
    expect(differences(many, many, { differencesMax: 20 })).toEqual([])
  })

  it('of any episodes with themselves is empty, and finds every planted change', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 11, max: 99 }), fc.nat(50)), { maxLength: 30 })
    fc.assert(
      fc.property(gaps, fc.array(fc.constantFrom('keep', 'drop', 'change')), (spans, acts) => {
        let at = 0
        const old = spans.map(([gap, length]): Told => {
          const start = at + 2 * QUIET_MS + gap
          at = start + length
          return [start, at]
        })
        expect(differences(old, old.toReversed())).toEqual([])
        const actOf = (i: number): string => acts[i] ?? 'keep'
        const fresh = old.flatMap(([start, end], i): Told[] => {
          if (actOf(i) === 'drop') return []
          return [actOf(i) === 'change' ? [start - 3, end, { peak: 7 }] : [start, end]]
        })
        const planted = old.flatMap(([start, end], i) =>
          actOf(i) === 'drop'
            ? [`lost ${start}..${end} -`]
            : actOf(i) === 'change'
              ? [`moved ${start}..${end} ${start - 3}..${end}`]
              : [],
        )
        expect(short(differences(old, fresh)).toSorted()).toEqual(planted.toSorted())
        const reverse = short(differences(fresh, old))
        expect(reverse.filter((line) => line.startsWith('gained'))).toHaveLength(
          planted.filter((line) => line.startsWith('lost')).length,
        )
      }),
      { numRuns: 200 },
    )
  })

  it('puts every episode into at most one line, and pairs as many as can be', () => {
    const side = fc.uniqueArray(fc.nat(120), { maxLength: 10 }).map((marks) => {
      const sorted = marks.toSorted((a, b) => a - b)
      const told: Told[] = []
      for (let i = 0; i + 1 < sorted.length; i += 2) told.push([sorted[i]!, sorted[i + 1]!])
      return told
    })
    fc.assert(
      fc.property(side, side, (old, fresh) => {
        // Figures that no two share, so that nothing cancels.
        const named = (told: readonly Told[], base: number): Told[] =>
          told.map(([start, end], i) => [start, end, { peak: base + i }])
        const lines = differences(named(old, 100), named(fresh, 200))
        const peaks = lines.flatMap((line) => [line.old?.peak, line.new?.peak])
        const told = peaks.filter((peak) => peak !== undefined)
        expect(told).toHaveLength(old.length + fresh.length)
        expect(new Set(told).size).toBe(told.length)
        const moved = lines.filter(({ kind }) => kind === 'moved')
        expect(moved.length).toBe(mostPairs(old, fresh))
      }),
      { numRuns: 300 },
    )
  })
})

/** By trying: the greatest number of pairs that overlap when widened, each episode in one. */
function mostPairs(old: readonly Told[], fresh: readonly Told[]): number {
  const [first, ...rest] = old
  if (first === undefined) return 0
  let most = mostPairs(rest, fresh)
  for (const [j, other] of fresh.entries()) {
    const apart = Math.max(first[0], other[0]) - Math.min(first[1], other[1])
    if (apart > QUIET_MS) continue
    most = Math.max(most, 1 + mostPairs(rest, fresh.toSpliced(j, 1)))
  }
  return most
}
