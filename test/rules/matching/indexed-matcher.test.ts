import { describe, expect, test } from 'vitest'
import type { FieldValue } from '../../../src/model/event.ts'
import { MatchBuilder } from '../../../src/model/match-builder.ts'
import { PlainEvent } from '../../../src/model/plain-event.ts'
import type { FieldType } from '../../../src/model/ruleset.ts'
import type { Condition } from '../../../src/rules/language/condition.ts'
import { compileQuery } from '../../../src/rules/language/graylog-query.ts'
import { createIndexedMatcher } from '../../../src/rules/matching/indexed-matcher.ts'
import { matcherContract } from '../../contracts/matcher-contract.ts'
import { ruleOf, rulesetOf } from '../rule-builder.ts'

matcherContract('indexed', createIndexedMatcher)

type Fields = Readonly<Record<string, FieldValue>>
type Types = Readonly<Record<string, FieldType>>

/** How many of the conditions are asked about the event. */
function asked(conditions: readonly Condition[], fields: Fields, types: Types = {}): number {
  const rules = conditions.map((condition) => ruleOf({ kind: 'match' }, { condition }))
  const matcher = createIndexedMatcher(rulesetOf(...rules), undefined, types)
  const at = { timeMs: 0, receivedMs: 0, hash: [0, 0] as const }
  const view = new PlainEvent({ fields: new Map(Object.entries(fields)), ...at })
  matcher.match(view, 0, 0, new MatchBuilder())
  return matcher.asked
}

const query = (text: string, types: Types = {}): Condition =>
  compileQuery(text, { fields: types }).condition!

describe('a rule that asks for a certain value is asked only of events that have it', () => {
  test.each<[string, Types, Fields, number]>([
    ['f:x', {}, { f: 'x' }, 1],
    ['f:x', {}, { f: 'y' }, 0],
    ['f:x', {}, { g: 'x' }, 0],
    ['f:x AND g:>5', {}, { f: 'x' }, 1],
    ['f:x AND g:>5', {}, { g: 7 }, 0],
    ['f:x OR g:y', {}, { g: 'y' }, 1],
    ['f:x OR g:y', {}, { f: 'y' }, 0],
    ['f:(x OR y OR z) AND NOT g:y', {}, { f: 'z' }, 1],
    ['f:(x OR y OR z) AND NOT g:y', {}, { g: 'z' }, 0],
    ['(f:x OR g:*) AND h:z', {}, { h: 'z' }, 1],
    ['(f:x OR g:*) AND h:z', {}, { f: 'x', g: 'y' }, 0],
    ['f:404', {}, { f: 404 }, 1],
    ['f:404', {}, { f: '404' }, 1],
    ['f:404', {}, { f: 405 }, 0],
    ['f:404.0', { f: 'long' }, { f: '404' }, 1],
    ['f:9007199254740992', { f: 'long' }, { f: 9_007_199_254_740_992 }, 1],
    ['f:none', { f: 'long' }, { f: 'none' }, 0],
    ['f:Straße', { f: 'lower' }, { f: 'STRAßE' }, 1],
    ['source:WEB-1', {}, { source: 'web-1' }, 1],
    ['message:x AND f:y', {}, { message: 'x' }, 0],
    ['f:x AND f:y', {}, { f: 'x' }, 1],
  ])('%s with %j of %j: asked %i times', (text, types, fields, times) => {
    expect(asked([query(text, types)], fields, types)).toBe(times)
  })

  test.each(['*', 'x', 'f:>5', 'f:x*', '_exists_:f', 'NOT f:x', 'message:x', 'f:x OR g:*'])(
    '%s asks for none, so it is always asked',
    (text) => {
      expect(asked([query(text)], { other: 1 })).toBe(1)
    },
  )

  test.each<[string, Types, Fields, number]>([
    ['f:quick*', {}, { f: 'quick fox' }, 12],
    ['f:quick*', {}, { f: 'QUICK FOX' }, 0],
    ['f:quick*', { f: 'lower' }, { f: 'QUICK FOX' }, 12],
    ['message:"quick fox"', {}, { message: 'The slow, brown' }, 0],
    ['message:"quick fox"', {}, { message: 'The Quick fox' }, 12],
    ['message:(quick slow)', {}, { message: 'a slow one' }, 12],
    ['message:(quick slow)', {}, { message: 'a lazy one' }, 0],
    ['message:(quick ox)', {}, { message: 'a lazy one' }, 12],
    ['f:quick* AND g:x', {}, { f: 'quick', g: 'y' }, 0],
  ])('where a dozen ask for characters, as %s with %j of %j: asked %i times', (...row) => {
    const [text, types, fields, times] = row
    const others = Array.from({ length: 12 }, (_, i) => query(`g:>${i}`))
    const asking = Array.from({ length: 12 }, () => query(text, types))
    expect(asked([...others, ...asking], fields, types)).toBe(12 + times)
  })

  test('it is asked where a look through the text would not pay', () => {
    expect(asked([query('f:quick*'), query('f:quick*')], { f: 'slow' })).toBe(2)
  })

  test('it is found by the rarest of the characters that it asks for', () => {
    const paths = Array.from({ length: 20 }, (_, i) => query(`f:path\\-to\\-${i + 10}*`))
    expect(asked(paths, { f: 'path-to-17/x' })).toBeLessThan(3)
  })

  test('it is found by the value that the fewest rules ask for', () => {
    const users = ['a', 'b', 'c', 'd'].map((user) => query(`env:prod AND user:${user}`))
    expect(asked(users, { env: 'prod', user: 'c' })).toBe(1)
    expect(asked(users, { env: 'prod', user: 'z' })).toBe(0)
  })

  test('it is asked once, also when it is found by two values', () => {
    expect(asked([query('f:x OR g:y')], { f: 'x', g: 'y' })).toBe(1)
  })
})
