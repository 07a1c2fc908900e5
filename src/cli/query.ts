import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { ProblemError, formatProblem, type Problem } from '../model/problem.ts'
import type { FieldType } from '../model/ruleset.ts'
import { compileQuery } from '../rules/language/graylog-query.ts'
import { ConditionCompiler, type EventTest } from '../rules/matching/compile-condition.ts'
import { eachEvent, formatOption, type EventsFormat } from './events-file.ts'
import type { CliIo } from './io.ts'
import { oneLine, printProblem, reporting } from './problems.ts'

interface QueryOptions {
  readonly events: string
  readonly fields?: string
  readonly format: EventsFormat
  readonly json?: true
}

const FIELD_TYPES: readonly FieldType[] = ['text', 'lower', 'keyword', 'long', 'double', 'date']

/** `tocsin query`: which events of a file a Graylog query finds, as Graylog's search would. */
export function register(program: Command, io: CliIo): void {
  program
    .command('query')
    .description("show which events of a file satisfy a query of Graylog's search box")
    .argument('<query>', 'the query, or @FILE with one JSON string per line')
    .requiredOption('--events <file>', 'one JSON object per line, also .gz')
    .option('--fields <file>', 'field types: {"types":{"field":"keyword"}}')
    .addOption(formatOption())
    .option('--json', 'print one JSON object per hit')
    // A query may begin with a minus.
    .allowUnknownOption()
    .action((written: string, options: QueryOptions) =>
      reporting(io, () => query(written, options, io)),
    )
}

async function query(written: string, options: QueryOptions, io: CliIo): Promise<number> {
  const json = options.json ?? false
  const fields = options.fields === undefined ? {} : readFieldTypes(options.fields)
  const queries = written.startsWith('@') ? readQueries(written.slice(1)) : [written]
  const compiler = new ConditionCompiler(fields)
  const tests: { number: number; test: EventTest }[] = []
  for (const [number, text] of queries.entries()) {
    const { condition, problems } = compileQuery(text, { fields })
    for (const problem of problems) {
      if (problem.severity === 'error') printProblem(io, problem, json, { query: number })
      else io.err(formatProblem(problem))
    }
    if (condition !== undefined) tests.push({ number, test: compiler.compile(condition) })
  }
  if (tests.length === 0 && queries.length > 0) return 2
  const reader = compiler.reader()
  let hits = 0
  const events = await eachEvent(options.events, options.format, (view, event) => {
    reader.start(view)
    for (const { number, test } of tests) {
      if (!test(reader)) continue
      hits++
      if (json) io.out(JSON.stringify({ query: number, event }))
      else {
        const which = queries.length > 1 ? `query ${number}  ` : ''
        io.out(`${which}${event}  ${oneLine(String(view.get('message') ?? ''))}`)
      }
    }
  })
  if (!json) io.out(`${hits} hits in ${events} events`)
  return 0
}

function readQueries(file: string): string[] {
  const queries: string[] = []
  for (const [i, line] of readText(file).split('\n').entries()) {
    if (line.trim() === '') continue
    const value = parseJson(line)
    if (typeof value !== 'string') {
      throw refused(file, `line ${i + 1} is no JSON string such as "level:3"`, i + 1)
    }
    queries.push(value)
  }
  return queries
}

function readFieldTypes(file: string): Record<string, FieldType> {
  const parsed = parseJson(readText(file)) as { types?: unknown } | null | undefined
  const types = typeof parsed === 'object' && parsed !== null ? parsed.types : undefined
  if (typeof types !== 'object' || types === null || Array.isArray(types)) {
    throw refused(file, 'expected {"types":{"field":"keyword"}}')
  }
  for (const [field, type] of Object.entries(types)) {
    if ((FIELD_TYPES as readonly unknown[]).includes(type)) continue
    const found = JSON.stringify(type)
    throw refused(
      file,
      `the type of "${oneLine(field, 60)}" is ${found}; expected one of ${FIELD_TYPES.join(', ')}`,
    )
  }
  return types as Record<string, FieldType>
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw refused(file, code === 'ENOENT' ? 'there is no such file' : message)
  }
}

/** `undefined` for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refused(file: string, message: string, line?: number): ProblemError {
  const problem: Problem = { code: 'unreadable', severity: 'error', message, file, line }
  return new ProblemError([problem])
}
