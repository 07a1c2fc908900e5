import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { register as check } from '../../src/cli/check.ts'
import { register as match } from '../../src/cli/match.ts'
import { register as query } from '../../src/cli/query.ts'
import { jsonLines, runCommand } from './capture.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-cli-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const EVENTS = [
  { host: 'web1', short_message: 'Failed password for root', _code: 503 },
  { host: 'web2', short_message: 'all is well', _code: 200 },
  { host: 'web1', short_message: 'failed again\u001b[31m', _code: '503' },
]
const gelf = (): string =>
  write('events.jsonl', EVENTS.map((event) => JSON.stringify(event)).join('\n'))
const GOOD =
  'rule: failed\nwhere: message:failed\nmatch: {}\n---\nrule: errors\nwhere: { code: 503 }\ngroup_by: [none]\nmatch: {}'

describe('tocsin check', () => {
  test('says what is good and ends with 0', async () => {
    const { out, codes } = await runCommand(check, 'check', write('a.yaml', GOOD))
    expect(out).toEqual(['1 file: 2 good rules, 0 good objectives; 0 errors, 0 warnings'])
    expect(codes).toEqual([0])
  })

  test('prints every problem as a JSON line and ends with 1', async () => {
    const file = write('a.yaml', 'rule: r\nwhere: a:?b\nmatch: {}\nserverity: low')
    const result = await runCommand(check, 'check', file, '--json')
    expect(jsonLines(result)).toEqual([
      {
        type: 'problem',
        file,
        line: 4,
        column: 1,
        code: 'unknown-key',
        severity: 'error',
        message: expect.any(String),
      },
      {
        type: 'problem',
        file,
        line: 2,
        column: 10,
        code: 'query-unsupported',
        severity: 'error',
        message: expect.any(String),
      },
    ])
    expect(result.codes).toEqual([1])
  })

  test('ends with 0 where there are only warnings', async () => {
    const file = write('a.yaml', 'rule: r\nwhere: a:b c:d\nmatch: {}')
    const result = await runCommand(check, 'check', file, '--json')
    expect(jsonLines(result)).toMatchObject([
      { code: 'bare-or', severity: 'warning', line: 2, column: 12 },
    ])
    expect(result.codes).toEqual([0])
  })

  test('prints problems as compilers do', async () => {
    const file = write('a.yaml', 'rule: r\nwhere: a:b\nmatch: {}\nmode: off')
    const { out } = await runCommand(check, 'check', file)
    expect(out[0]).toMatch(
      /a\.yaml:4:7: error: mode: expected one of active, shadow, found "off" \[unexpected\]$/,
    )
  })

  test.each(['none.yaml', '.'])('ends with 2 where there is nothing to read: %s', async (name) => {
    const { out, codes } = await runCommand(check, 'check', join(folder, name))
    expect(out[0]).toContain('[unreadable]')
    expect(codes).toEqual([2])
  })
})

describe('tocsin query', () => {
  test('prints each hit with the numbers of query and event', async () => {
    const result = await runCommand(query, 'query', 'message:failed', '--events', gelf(), '--json')
    expect(jsonLines(result)).toEqual([
      { query: 0, event: 0 },
      { query: 0, event: 2 },
    ])
    expect(result.codes).toEqual([0])
  })

  test('takes many queries from a file, and a refused one does not stop the others', async () => {
    const queries = write('queries', '"code:>=500"\n"message:/x/"\n"source:WEB2"\n')
    const result = await runCommand(query, 'query', `@${queries}`, '--events', gelf(), '--json')
    expect(jsonLines(result)).toMatchObject([
      {
        type: 'problem',
        query: 1,
        line: 1,
        column: 9,
        code: 'query-unsupported',
        severity: 'error',
      },
      { query: 0, event: 0 },
      { query: 2, event: 1 },
      { query: 0, event: 2 },
    ])
    expect(result.codes).toEqual([0])
  })

  test('ends with 2 when the only query is refused, and says where', async () => {
    const result = await runCommand(query, 'query', 'a:b AND', '--events', gelf(), '--json')
    expect(jsonLines(result)).toMatchObject([
      { type: 'problem', query: 0, column: 8, code: 'query-syntax' },
    ])
    expect(result.codes).toEqual([2])
  })

  test('takes a query that begins with a minus', async () => {
    const result = await runCommand(query, 'query', '-message:failed', '--events', gelf(), '--json')
    expect(jsonLines(result)).toEqual([{ query: 0, event: 1 }])
  })

  test('reads fields as they are, with declared types', async () => {
    const events = write(
      'plain.jsonl',
      '{"f":"Big Fox","n":{"a":1},"z":null,"b":true}\n{"f":"fox"}\n',
    )
    const hits = async (text: string, ...more: string[]) =>
      jsonLines(
        await runCommand(
          query,
          'query',
          text,
          '--events',
          events,
          '--format',
          'json',
          '--json',
          ...more,
        ),
      ).map(({ event }) => event)
    expect(await hits('f:fox')).toEqual([1])
    const fields = write('fields.json', '{"types":{"f":"text"}}')
    expect(await hits('f:fox', '--fields', fields)).toEqual([0, 1])
    expect(await hits('_exists_:z')).toEqual([])
    expect(await hits('b:true')).toEqual([0])
    expect(await hits('n:"{\\"a\\":1}"')).toEqual([0])
  })

  test.each([
    ['{"types":{"f":"string"}}', 'expected one of text, lower, keyword'],
    ['{"f":"text"}', 'expected {"types"'],
    ['nonsense', 'expected {"types"'],
  ])('refuses field types %s', async (content, message) => {
    const fields = write('fields.json', content)
    const { err, codes } = await runCommand(
      query,
      'query',
      'a:b',
      '--events',
      gelf(),
      '--fields',
      fields,
    )
    expect(err.join('\n')).toContain(message)
    expect(codes).toEqual([2])
  })

  test('names the line of a file of queries that is no JSON string', async () => {
    const queries = write('queries', '"a:b"\na:b\n')
    const { err, codes } = await runCommand(query, 'query', `@${queries}`, '--events', gelf())
    expect(err.join('\n')).toContain('queries:2: error: line 2 is no JSON string')
    expect(codes).toEqual([2])
  })

  test('shows no control characters of an event on the terminal', async () => {
    const { out } = await runCommand(query, 'query', 'again', '--events', gelf())
    expect(out).toEqual(['2  failed again [31m', '1 hits in 3 events'])
  })
})

describe('tocsin match', () => {
  test('prints the rules of each event, in their order, grouped or not', async () => {
    const rules = write('a.yaml', GOOD)
    const result = await runCommand(match, 'match', '--rules', rules, '--events', gelf(), '--json')
    expect(jsonLines(result)).toEqual([
      { event: 0, rules: ['failed', 'errors'] },
      { event: 2, rules: ['failed', 'errors'] },
    ])
    expect(result.codes).toEqual([0])
  })

  test('reads a compressed file, blank lines and CR LF', async () => {
    const lines = ['', ...EVENTS.map((event) => JSON.stringify(event)), '  ', ''].join('\r\n')
    const events = write('events.jsonl.gz', gzipSync(lines))
    const result = await runCommand(
      match,
      'match',
      '--rules',
      write('a.yaml', GOOD),
      '--events',
      events,
      '--json',
    )
    expect(jsonLines(result).map(({ event }) => event)).toEqual([0, 2])
  })

  test('ends with 2 on rules with an error', async () => {
    const rules = write('a.yaml', 'rule: r\nmatch: {}')
    const { err, codes } = await runCommand(match, 'match', '--rules', rules, '--events', gelf())
    expect(err.join('\n')).toContain('a.yaml:1:1: error: where: expected')
    expect(codes).toEqual([2])
  })

  test.each([
    [
      'a bad line',
      'events.jsonl',
      '{"host":"a","short_message":"x"}\n\n{"host":',
      ':3: error: line 3 holds no event',
    ],
    ['no message', 'events.jsonl', '{"host":"a"}', ':1: error: line 1 holds no event'],
    [
      'a line of 1 MiB',
      'events.jsonl',
      'x'.repeat(1024 * 1024 + 1),
      ':1: error: line 1 holds no event: it is longer',
    ],
    ['no gzip', 'events.jsonl.gz', 'plain', 'it cannot be read'],
  ])('ends with 2 on %s and says where', async (_what, name, content, message) => {
    const rules = write('a.yaml', GOOD)
    const { err, codes } = await runCommand(
      match,
      'match',
      '--rules',
      rules,
      '--events',
      write(name, content),
    )
    expect(err.join('\n')).toContain(message)
    expect(codes).toEqual([2])
  })

  test('ends with 2 where there is no events file', async () => {
    const rules = write('a.yaml', GOOD)
    const { err, codes } = await runCommand(
      match,
      'match',
      '--rules',
      rules,
      '--events',
      join(folder, 'none'),
    )
    expect(err.join('\n')).toContain('there is no such file')
    expect(codes).toEqual([2])
  })
})
