import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  BURN_ALERTS,
  budgetRemaining,
  burnFactor,
  burnRate,
  burnsFasterThan,
  deadBurnFactors,
  errorBudget,
  sliRatio,
} from '../../src/slo/burn-rate.ts'

const DAY_MS = 86_400_000

describe('a window', () => {
  test.each([
    { total: 0, bad: 0, sli: null, burn: null, left: null },
    { total: 600, bad: 0, sli: 1, burn: 0, left: 1 },
    { total: 1000, bad: 1, sli: 0.999, burn: 1, left: 0 },
    { total: 600, bad: 600, sli: 0, burn: 1000, left: -999 },
    { total: 10_000, bad: 144, sli: 0.9856, burn: 14.4, left: -13.4 },
  ])('of $total events with $bad bad has SLI $sli and burns $burn times', (row) => {
    expect(sliRatio(row)).toBe(row.sli)
    expect(burnRate(row, 0.999)).toBe(row.burn)
    expect(budgetRemaining(row, 0.999)).toBe(row.left)
  })

  test('at exactly the factor does not exceed it, one event more does', () => {
    // 14.4 × 0.001 × 1250 is 18, and 18.000000000000004 in floating point.
    expect(burnsFasterThan(14.4, { total: 1250, bad: 18 }, 0.999)).toBe(false)
    expect(burnsFasterThan(14.4, { total: 1250, bad: 19 }, 0.999)).toBe(true)
    expect(burnsFasterThan(1, { total: 0, bad: 0 }, 0.999)).toBe(false)
  })

  test('exceeds a factor exactly when the fraction does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000_000 }),
        fc.nat({ max: 5_000_000 }),
        fc.integer({ min: 1, max: 99_999 }),
        fc.integer({ min: 1, max: 200 }),
        (total, rest, targetPer100k, factorTenths) => {
          const bad = Math.min(total, rest)
          // bad/total > (factor/10) × (1 − target/100000), multiplied out.
          const exact =
            BigInt(bad) * 1_000_000n >
            BigInt(factorTenths) * BigInt(100_000 - targetPer100k) * BigInt(total)
          const counts = { total, bad }
          expect(burnsFasterThan(factorTenths / 10, counts, targetPer100k / 100_000)).toBe(exact)
        },
      ),
    )
  })
})

test.each([
  [0.999, 0.001],
  [0.9995, 0.0005],
  [0.99999, 0.00001],
  [0.9, 0.1],
])('the error budget of %d is %d', (target, budget) => {
  expect(errorBudget(target)).toBe(budget)
})

test.each([
  [30, [14.4, 6, 3, 1]],
  [28, [13.44, 5.6, 2.8, 0.933333333333]],
])('the factors over %i days are %j', (days, factors) => {
  expect(BURN_ALERTS.map((alert) => burnFactor(alert, days * DAY_MS))).toEqual(factors)
})

test.each([
  [0.999, []],
  [0.9306, []],
  [0.9305, [14.4]],
  [0.84, [14.4]],
  [0.83, [14.4, 6]],
  [0.66, [14.4, 6, 3]],
])('for a target of %d the factors %j can never fire', (target, dead) => {
  expect(deadBurnFactors(target).map(({ factor }) => factor)).toEqual(dead)
})
