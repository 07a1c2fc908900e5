import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { compileTemplate, groupValues } from '../../src/incidents/summary.ts'

const VALUES = new Map<string, string | number>([
  ['value', 50],
  ['window', '5m'],
  ['severity', 'high'],
  ['rule.id', 'checkout-5xx'],
  ...groupValues({ region: 'eu', 'k8s.pod': 'web-1' }),
])

function render(template: string, values = VALUES): string {
  const compiled = compileTemplate(template)
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('; '))
  return compiled.render(values)
}

function problems(template: string, groupBy?: readonly string[]): readonly string[] {
  const compiled = compileTemplate(template, groupBy)
  return compiled.ok ? [] : compiled.problems.map(({ message }) => message)
}

describe('a summary', () => {
  test.each([
    ['{{ value }} errors in {{ window }} in {{ group.region }}', '50 errors in 5m in eu'],
    ['{{{ rule.id }}}/{{& severity }}', 'checkout-5xx/high'],
    ['{{ group.k8s.pod }} {{ group.k8s_pod }}', 'web-1 web-1'],
    [
      '{{# threshold }}of {{ threshold }}{{/ threshold }}{{^ threshold }}none{{/ threshold }}',
      'none',
    ],
    ['{{# window }}in {{ window }}{{/ window }}', 'in 5m'],
    ['{{! a comment }}{{ group.missing }}.', '.'],
    ['', ''],
  ])('%j reads %j', (template, text) => {
    expect(render(template)).toBe(text)
  })

  test('keeps what a sender wrote as text: no second template, no line break, no markup change', () => {
    const values = new Map([['group.user', '{{ value }}\r\n<b>x</b>\u2028\u0000 & more']])
    expect(render('user {{ group.user }}', values)).toBe('user {{ value }} <b>x</b>  & more')
  })

  test('cuts a long value and a long text, never inside a character', () => {
    const values = new Map([['group.user', '😀'.repeat(40_000)]])
    const once = render('{{ group.user }}', values)
    expect(once.length).toBeLessThanOrEqual(1_025)
    const often = render('é{{ group.user }}'.repeat(200), values)
    expect(Buffer.byteLength(often)).toBeLessThanOrEqual(65_536)
    expect(often.isWellFormed()).toBe(true)
    expect(often).not.toContain('\ufffd')
    expect(often.endsWith('…')).toBe(true)
  })

  test('percent-encodes every value where it is asked to, also in triple braces', () => {
    const compiled = compileTemplate('https://g.example.org/?q={{{ group.user }}}&v={{ value }}')
    if (!compiled.ok) throw new Error('refused')
    const values = new Map<string, string | number>([
      ['group.user', 'a&b=c d'],
      ['value', 5],
    ])
    expect(compiled.render(values, encodeURIComponent)).toBe(
      'https://g.example.org/?q=a%26b%3Dc%20d&v=5',
    )
  })

  test('percent-encodes a value that was cut in the middle of a character', () => {
    const compiled = compileTemplate('{{ group.user }}')
    if (!compiled.ok) throw new Error('refused')
    const values = new Map([
      ['group.user', `x${'😀'.repeat(2_000)}`],
      ['group.lone', '\ud800'],
    ])
    expect(() => compiled.render(values, encodeURIComponent)).not.toThrow()
    const lone = compileTemplate('{{ group.lone }}')
    expect(lone.ok && lone.render(values, encodeURIComponent)).toBe('%EF%BF%BD')
  })
})

describe('a template is refused', () => {
  test.each([
    ['{{ vlaue }}', 'names "vlaue", which is not known (did you mean "value"?)'],
    ['{{ __proto__ }}', 'names "__proto__"'],
    ['{{ constructor.name }}', 'names "constructor.name"'],
    ['{{ value.constructor }}', 'names "value.constructor"'],
    ['{{ . }}', 'names "."'],
    ['{{> partial }}', 'partials such as "{{> partial }}" are not allowed'],
    ['{{=<% %>=}}<% value %>', 'may not change its delimiters'],
    ['{{# value }}', 'cannot be read: Unclosed section "value"'],
    ['{{ value', 'cannot be read: Unclosed tag'],
    ['{{#value}}'.repeat(4) + '{{/value}}'.repeat(4), 'sections lie more than 3 deep'],
    ['{{value}}.'.repeat(251), 'has 502 parts, more than 500'],
    ['x'.repeat(65_537), 'has 65537 characters, more than 65536'],
  ])('when it is %.40j', (template, message) => {
    expect(problems(template).join('; ')).toContain(message)
  })

  test('when it names a group field that the rule does not group by', () => {
    expect(problems('{{ group.region }}', ['region'])).toEqual([])
    expect(problems('{{ group.regoin }}', ['region'])[0]).toContain('did you mean "group.region"?')
  })

  test('with the column of what is wrong', () => {
    const compiled = compileTemplate('{{ value }} {{ nope }}')
    expect(compiled).toMatchObject({ ok: false, problems: [{ code: 'template', column: 13 }] })
  })

  test('without running out of stack, however deep it nests', () => {
    const deep = '{{#value}}'.repeat(3_000) + '{{/value}}'.repeat(3_000)
    expect(problems(deep)).toEqual(['the template has 3000 parts, more than 500'])
  })
})

test('any template either is refused or renders a bounded single line', () => {
  const part = fc.oneof(
    fc.constantFrom('{{', '}}', '{{{', '}}}', '{{#value}}', '{{/value}}', '{{^group.x}}'),
    fc.constantFrom(
      '{{/group.x}}',
      '{{value}}',
      '{{&group.x}}',
      '{{!',
      '{{=',
      '=}}',
      '\n',
      '{{>x}}',
    ),
    fc.string({ maxLength: 8 }),
  )
  const text = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.string({ unit: 'binary', maxLength: 40 }), (template, value) => {
      const compiled = compileTemplate(template)
      if (!compiled.ok) {
        expect(compiled.problems.length).toBeGreaterThan(0)
        return
      }
      const line = compiled.render(
        new Map([
          ['group.x', value],
          ['value', value],
        ]),
      )
      expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
    }),
    { numRuns: 300 },
  )
})
