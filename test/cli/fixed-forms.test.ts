/**
 * The forms that design §9 fixes because others call them: what each command prints with `--json`,
 * letter by letter, and its exit code. 0 good, 1 a finding, 2 wrong use, unreadable input, or
 * invalid rules outside `check`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { runTocsin } from '../support/run-tocsin.ts'

const GOOD = `
rule: burst
title: Three errors of a source within ten seconds
severity: medium
where: level:3
group_by: [source]
threshold: { at_least: 3, within: 10s }
escalate: [{ at_least: 4, severity: critical }]
late_by: 2s
clear: { quiet_for: 20s }
tests:
  - name: three open
    events: [{ at: 0s, every: 1s, times: 3, set: { level: 3, source: a } }]
    expect: [{ at: 2s, open: { source: a }, value: 3 }]
---
rule: calm
title: A calm line
where: level:6
match: {}
late_by: 0s
`
const WARNED = GOOD.replace('quiet_for: 20s', 'quiet_for: 5s')
const FAILING = GOOD.replace('at: 2s', 'at: 3s')
const WRONG = `rule: burst
titel: Three errors
where: level:3
threshold: { at_least: 3 }
`
const EVENTS = [
  gelf(1_000, 6, 'calm'),
  gelf(1_001, 3, 'one'),
  gelf(1_002, 3, 'two'),
  gelf(1_004, 3, 'four'),
  gelf(1_003.5, 3, 'three'),
  gelf(1_030, 3, 'later'),
  gelf(1_010, 3, 'too late'),
]
const PLAIN = [
  '{"timestamp":1,"user":"Ann","status":"10"}',
  '{"timestamp":"1970-01-01T00:00:02Z","user":"bob","status":9}',
  '{"timestamp":3.5,"user":"Bob Smith"}',
]

let folder: string
const at = (name: string): string => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-forms-'))
  const files = {
    'good.yaml': GOOD,
    'warned.yaml': WARNED,
    'failing.yaml': FAILING,
    'wrong.yaml': WRONG,
    'no-tests.yaml': GOOD.replace(/tests:[^]*?---/, '---'),
    'events.jsonl': EVENTS.join('\n'),
    'plain.jsonl': `${PLAIN.join('\r\n')}\r\n`,
    'broken.jsonl': `${EVENTS[0]}\n{"host":"a"`,
    'empty.jsonl': '',
    'queries.jsonl': '"level:3"\n"level:"\n"message:calm"\n',
    'refused.jsonl': '"level:"\n',
    'no-queries.jsonl': 'level:3\n',
    'fields.json': '{"types":{"user":"lower","status":"long"}}',
    'wrong-fields.json': '{"types":{"user":"upper"}}',
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text)
  writeFileSync(at('events.jsonl.gz'), gzipSync(EVENTS.join('\n')))
  mkdirSync(at('empty'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('tocsin check PATH… --json', () => {
  it('prints nothing for good rules and ends with 0', async () => {
    expect(await runTocsin('check', at('good.yaml'), '--json')).toEqual(ended(0))
  })

  it('prints a warning and still ends with 0', async () => {
    const { code, out } = await runTocsin('check', at('warned.yaml'), '--json')
    expect(code).toBe(0)
    expect(out).toEqual([
      `{"type":"problem","file":${JSON.stringify(at('warned.yaml'))},"line":10,"column":21,` +
        '"code":"quiet-shorter","severity":"warning","message":"clear.quiet_for: 5s is shorter ' +
        'than 10s, the longer of the window and late_by + reorder: an episode may clear and fire ' +
        'again over the same events"}',
    ])
  })

  it('prints every error with its place and ends with 1', async () => {
    const { code, out } = await runTocsin('check', at('wrong.yaml'), at('good.yaml'), '--json')
    expect(code).toBe(1)
    const problems = out.map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const problem of problems) {
      const keys = ['type', 'file', 'line', 'column', 'code', 'severity', 'message']
      expect(Object.keys(problem)).toEqual(keys)
      expect(problem).toMatchObject({ type: 'problem', severity: 'error' })
    }
    expect(problems.map(({ line, column, code: name }) => [line, column, name])).toEqual([
      [2, 1, 'unknown-key'],
      [4, 12, 'missing'],
      // The same id stands in the other file too.
      [2, 7, 'duplicate-id'],
    ])
    expect(problems[0]!['message']).toContain('did you mean "title"')
  })

  it.each(['nowhere', 'empty'])('ends with 2 when there is nothing to read: %s', async (name) => {
    const { code, out } = await runTocsin('check', at(name), '--json')
    expect(code).toBe(2)
    expect(out).toHaveLength(1)
    expect(JSON.parse(out[0]!)).toMatchObject({ type: 'problem', code: 'unreadable' })
  })
})

describe('tocsin test PATH… --json', () => {
  it('prints each test and a summary and ends with 0', async () => {
    expect(await runTocsin('test', at('good.yaml'), '--json')).toEqual(
      ended(
        0,
        '{"type":"test","rule":"burst","name":"three open","ok":true,"message":""}',
        '{"type":"summary","tests":1,"failed":0}',
      ),
    )
  })

  it('ends with 1 when a test fails, and says what came instead', async () => {
    expect(await runTocsin('test', at('failing.yaml'), '--json')).toEqual(
      ended(
        1,
        '{"type":"test","rule":"burst","name":"three open","ok":false,"message":"expected open of ' +
          'source \\"a\\" at 3s with value 3; it came at 2s with severity medium and value 3"}',
        '{"type":"summary","tests":1,"failed":1}',
      ),
    )
  })

  it('ends with 0 when no rule brings a test', async () => {
    const summary = '{"type":"summary","tests":0,"failed":0}'
    expect(await runTocsin('test', at('no-tests.yaml'), '--json')).toEqual(ended(0, summary))
  })

  it.each(['wrong.yaml', 'nowhere', 'empty'])('ends with 2 on %s', async (name) => {
    const { code, out, err } = await runTocsin('test', at(name), '--json')
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(err.length).toBeGreaterThan(0)
  })
})

describe('tocsin query QUERY --events FILE --json', () => {
  const query = (text: string, ...args: readonly string[]) =>
    runTocsin('query', text, '--events', at('events.jsonl'), '--json', ...args)

  it('prints the index of each event that satisfies it', async () => {
    const hits = [0, 5].map((event) => `{"query":0,"event":${event}}`)
    expect(await query('level:6 OR message:later')).toEqual(ended(0, ...hits))
    expect(await query('message:nothing')).toEqual(ended(0))
  })

  it('takes @FILE, numbers its queries from 0 and goes on after a refused one', async () => {
    const { code, out } = await query(`@${at('queries.jsonl')}`)
    expect(code).toBe(0)
    const [refused, ...hits] = out.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(refused).toMatchObject({ type: 'problem', query: 1, column: 7, severity: 'error' })
    expect(hits).toEqual([
      { query: 2, event: 0 },
      ...[1, 2, 3, 4, 5, 6].map((event) => ({ query: 0, event })),
    ])
  })

  it('ends with 2 when the only query is refused', async () => {
    for (const text of ['level:', `@${at('refused.jsonl')}`]) {
      const { code, out } = await query(text)
      expect(code).toBe(2)
      expect(out).toHaveLength(1)
      expect(JSON.parse(out[0]!)).toMatchObject({ type: 'problem', query: 0, column: 7 })
    }
  })

  it('reads fields as they are with --format json, and their types from --fields', async () => {
    const args = ['--events', at('plain.jsonl'), '--format', 'json', '--json']
    const hits = async (text: string, ...more: readonly string[]) => {
      const { code, out } = await runTocsin('query', text, ...args, ...more)
      expect(code).toBe(0)
      return out.map((line) => (JSON.parse(line) as { event: number }).event)
    }
    const typed = ['--fields', at('fields.json')]
    expect(await hits('user:ann')).toEqual([])
    expect(await hits('user:ann', ...typed)).toEqual([0])
    expect(await hits('user:BOB', ...typed)).toEqual([1])
    expect(await hits('status:10', ...typed)).toEqual([0])
    expect(await hits('status:[9 TO 9]')).toEqual([1])
    expect(await hits('timestamp:"1970-01-01 00:00:02.000"')).toEqual([1])
    expect(await hits('NOT _exists_:status')).toEqual([2])
  })

  it.each([
    ['no events file', ['query', 'a:b', '--events', 'nowhere.jsonl']],
    ['an event that is cut', ['query', 'a:b', '--events', 'broken.jsonl']],
    ['no queries file', ['query', '@nowhere', '--events', 'events.jsonl']],
    ['lines that are no JSON strings', ['query', '@no-queries.jsonl', '--events', 'events.jsonl']],
    ['no field types', ['query', 'a:b', '--events', 'events.jsonl', '--fields', 'nowhere']],
    ['a wrong type', ['query', 'a:b', '--events', 'events.jsonl', '--fields', 'wrong-fields.json']],
    ['no --events', ['query', 'a:b']],
    ['an unknown format', ['query', 'a:b', '--events', 'events.jsonl', '--format', 'csv']],
  ])('ends with 2 and a sentence on %s', async (_, args) => {
    const { code, out, err } = await runTocsin(...placed(args), '--json')
    expect({ code, hits: out.filter((line) => line.includes('"event"')) }).toEqual({
      code: 2,
      hits: [],
    })
    expect(err.join('\n')).not.toBe('')
  })
})

describe('tocsin match --rules PATH… --events FILE --json', () => {
  it('prints each event with a match and the ids of its rules', async () => {
    const lines = [
      '{"event":0,"rules":["calm"]}',
      ...[1, 2, 3, 4, 5, 6].map((event) => `{"event":${event},"rules":["burst"]}`),
    ]
    for (const file of ['events.jsonl', 'events.jsonl.gz']) {
      const args = ['match', '--rules', at('good.yaml'), '--events', at(file), '--json']
      expect(await runTocsin(...args)).toEqual(ended(0, ...lines))
    }
  })

  it('ends with 0 without hits, and with rules that only warn', async () => {
    const args = ['--events', at('empty.jsonl'), '--json']
    expect(await runTocsin('match', '--rules', at('warned.yaml'), ...args)).toEqual(ended(0))
  })
})

describe('tocsin backtest --rules PATH… --events FILE --json', () => {
  const backtest = (...args: readonly string[]) => runTocsin('backtest', '--json', ...args)
  const rules = (): string[] => ['--rules', at('good.yaml')]

  it('prints changes of episodes, firings once settled, and a summary', async () => {
    const { code, out } = await backtest(...rules(), '--events', at('events.jsonl'))
    expect(code).toBe(0)
    const group = '"rule":"burst","group":{"source":"a"}'
    const counts = '"end":1004000,"matches":4,"firings":2,"peak":4,"severity":"critical"'
    const episodes = [
      `{"type":"episode","change":"opened",${group},"start":1004000,"end":1004000,"matches":3,"firings":1,"peak":3,"severity":"medium","verdict":null}`,
      `{"type":"episode","change":"escalated",${group},"start":1003500,${counts},"verdict":null}`,
      `{"type":"episode","change":"cleared",${group},"start":1003500,${counts},"verdict":null}`,
      `{"type":"episode","change":"settled",${group},"start":1003500,${counts},"verdict":null}`,
    ]
    expect(
      out.filter((line) => line.includes('"episode","change"') && line.includes('burst')),
    ).toEqual(episodes)
    expect(out.filter((line) => line.startsWith('{"type":"firing"'))).toEqual([
      '{"type":"firing","rule":"calm","group":{},"at":1000000,"event":0,"value":1}',
      `{"type":"firing",${group},"at":1003500,"event":4,"value":3}`,
      `{"type":"firing",${group},"at":1004000,"event":3,"value":4}`,
    ])
    expect(out.at(-1)).toBe(
      '{"type":"summary","events":7,"matches":7,"firings":3,"episodes":2,"skipped":{"late":1}}',
    )
    expect(out).toHaveLength(4 + 3 + 3 + 1)
  })

  it('lets --reorder say how far an event may lie behind a later one', async () => {
    const args = [...rules(), '--events', at('events.jsonl'), '--reorder', '30s']
    const { code, out } = await backtest(...args)
    expect(code).toBe(0)
    expect(JSON.parse(out.at(-1)!)).toMatchObject({ firings: 4, skipped: {} })
  })

  it('prints only the summary of an empty file and ends with 0', async () => {
    expect(await backtest(...rules(), '--events', at('empty.jsonl'))).toEqual(
      ended(0, '{"type":"summary","events":0,"matches":0,"firings":0,"episodes":0,"skipped":{}}'),
    )
  })

  it('ends with 2 on a --reorder that is no duration', async () => {
    const args = [...rules(), '--events', at('events.jsonl'), '--reorder', '5']
    const { code, err } = await backtest(...args)
    expect(code).toBe(2)
    expect(err.join('\n')).toContain('expected a duration such as')
  })
})

describe.each(['match', 'backtest'])('tocsin %s', (command) => {
  it.each([
    ['rules with an error', ['--rules', 'wrong.yaml', '--events', 'events.jsonl']],
    ['a rules path that is not there', ['--rules', 'nowhere', '--events', 'events.jsonl']],
    ['a folder without rules', ['--rules', 'empty', '--events', 'events.jsonl']],
    ['an events file that is not there', ['--rules', 'good.yaml', '--events', 'nowhere.jsonl']],
    ['no --rules', ['--events', 'events.jsonl']],
    ['no --events', ['--rules', 'good.yaml']],
    ['an unknown option', ['--rules', 'good.yaml', '--events', 'events.jsonl', '--nope']],
  ])('ends with 2 and a sentence on %s', async (_, args) => {
    const { code, out, err } = await runTocsin(command, ...placed(args), '--json')
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(err.join('\n')).not.toBe('')
  })

  it('ends with 2 and names the line when an event is cut off', async () => {
    const args = ['--rules', at('good.yaml'), '--events', at('broken.jsonl'), '--json']
    const { code, err } = await runTocsin(command, ...args)
    expect(code).toBe(2)
    expect(err.join('\n')).toContain('line 2')
  })
})

describe('wrong use', () => {
  it.each([[[]], [['chek', 'x']], [['check']], [['test']], [['query']], [['incidents', 'nope']]])(
    'of tocsin %j ends with 2',
    async (args) => {
      const { code, out, err } = await runTocsin(...args)
      expect({ code, out }).toEqual({ code: 2, out: [] })
      expect(err.join('\n')).not.toBe('')
    },
  )

  it.each([['--help'], ['--version'], ['help']])('is not tocsin %s', async (flag) => {
    const { code, out } = await runTocsin(flag)
    expect(code).toBe(0)
    expect(out.join('\n')).not.toBe('')
  })
})

function gelf(seconds: number, level: number, text: string): string {
  return JSON.stringify({ host: 'a', short_message: text, timestamp: seconds, level })
}

function ended(code: number, ...out: readonly string[]) {
  return { code, out, err: [] }
}

/** The words that name a file of the folder, with the folder. */
function placed(args: readonly string[]): string[] {
  const isName = (word: string): boolean => /\.(jsonl?|yaml)$|^@|^nowhere$|^empty$/.test(word)
  const place = (word: string): string =>
    word.startsWith('@') ? `@${at(word.slice(1))}` : at(word)
  return args.map((word) => (isName(word) ? place(word) : word))
}
