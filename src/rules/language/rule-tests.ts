import type { DocumentPath, DocumentReader } from '../../model/document-reader.ts'
import { SEVERITIES } from '../../model/severity.ts'
import type { RuleTest, TestEvents, TestExpectation } from '../rule.ts'

const DAY_MS = 86_400_000
/** Virtual time is free, but a test that spans years is a slip. */
const TIME_MAX_MS = 366 * DAY_MS
const TIMES_MAX = 1_000_000
const TESTS_MAX = 1_000
const CHANGES = ['open', 'refire', 'escalate', 'clear', 'settle'] as const

/** Reads a rule's `tests:`; what was refused is left out and the reader holds the problems. */
export function readTests(reader: DocumentReader, groupBy: readonly string[]): RuleTest[] {
  const tests: RuleTest[] = []
  const count = reader.count(['tests'], 'a list of tests')
  if (count > TESTS_MAX) {
    reader.refuse(['tests'], 'too-many', `${count} tests; at most ${TESTS_MAX} are run`)
    return tests
  }
  const names = new Set<string>()
  for (let i = 0; i < count; i++) {
    const test = readTest(reader, ['tests', i], groupBy)
    if (test === undefined) continue
    if (names.has(test.name)) {
      reader.refuse(['tests', i, 'name'], 'double', `two tests are called "${test.name}"`)
    }
    names.add(test.name)
    tests.push(test)
  }
  return tests
}

function readTest(
  reader: DocumentReader,
  path: DocumentPath,
  groupBy: readonly string[],
): RuleTest | undefined {
  const known = ['name', 'events', 'expect', 'watch_until']
  if (reader.keys(path, known, { required: true, later: ['input'] }) === undefined) return undefined
  const name = reader.text([...path, 'name'], { required: true, max: 200 })
  const events = eachOf(reader, [...path, 'events'], 'a list of events', readEvents)
  const expect = eachOf(reader, [...path, 'expect'], 'a list of expectations', (entry, at) =>
    readExpectation(entry, at, groupBy),
  )
  const until = readTime(reader, [...path, 'watch_until'])
  if (name === undefined) return undefined
  const ends = [
    ...events.map((entry) => entry.atMs + entry.everyMs * (entry.times - 1) + entry.delayMs),
    ...expect.map((entry) => entry.atMs),
  ]
  const last = ends.reduce((latest, end) => Math.max(latest, end), 0)
  if (until !== undefined && until < last) {
    const message = 'the test ends before its last event or expectation'
    reader.refuse([...path, 'watch_until'], 'unexpected', message)
  }
  const { line } = reader.document.locate(path)
  return { name, events, expect, watchUntilMs: until ?? last, file: reader.file, line }
}

function eachOf<T>(
  reader: DocumentReader,
  path: DocumentPath,
  expected: string,
  read: (reader: DocumentReader, path: DocumentPath) => T | undefined,
): T[] {
  const found: T[] = []
  for (let i = 0; i < reader.count(path, expected); i++) {
    const entry = read(reader, [...path, i])
    if (entry !== undefined) found.push(entry)
  }
  return found
}

function readEvents(reader: DocumentReader, path: DocumentPath): TestEvents | undefined {
  const keys = reader.keys(path, ['at', 'every', 'times', 'set', 'delay'], { required: true })
  if (keys === undefined) return undefined
  const atMs = readTime(reader, [...path, 'at'], true)
  const everyMs = readTime(reader, [...path, 'every']) ?? 0
  const times = reader.number([...path, 'times'], { min: 1, max: TIMES_MAX, whole: true }) ?? 1
  const delayMs = readTime(reader, [...path, 'delay']) ?? 0
  const fields = readFields(reader, [...path, 'set'])
  if (everyMs > 0 && !keys.includes('times')) {
    reader.refuse([...path, 'every'], 'unexpected', '"every" needs "times" beside it')
  }
  return atMs === undefined ? undefined : { atMs, everyMs, times, delayMs, fields }
}

function readFields(reader: DocumentReader, path: DocumentPath): Record<string, string | number> {
  const fields = Object.create(null) as Record<string, string | number>
  for (const name of reader.keys(path, 'any', { required: true }) ?? []) {
    const value = reader.at([...path, name])
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value
    // As intake keeps them: truth values as their JSON text, null as missing.
    else if (typeof value === 'boolean') fields[name] = String(value)
    else if (value !== null) {
      reader.refuse([...path, name], 'unexpected', 'expected a text, a number, true or false')
    }
  }
  return fields
}

function readExpectation(
  reader: DocumentReader,
  path: DocumentPath,
  groupBy: readonly string[],
): TestExpectation | undefined {
  const keys = reader.keys(path, ['at', ...CHANGES, 'severity', 'value'], { required: true })
  if (keys === undefined) return undefined
  const atMs = readTime(reader, [...path, 'at'], true)
  const severity = reader.oneOf([...path, 'severity'], SEVERITIES)
  const limit = Number.MAX_SAFE_INTEGER
  const value = reader.number([...path, 'value'], { min: -limit, max: limit })
  const changes = CHANGES.filter((change) => keys.includes(change))
  const [change] = changes
  if (change === undefined || changes.length > 1) {
    reader.refuse(path, 'unexpected', `expected exactly one of ${CHANGES.join(', ')}`)
    return undefined
  }
  const group = readGroup(reader, [...path, change], groupBy)
  if (atMs === undefined) return undefined
  const { line } = reader.document.locate(path)
  return {
    atMs,
    change,
    group,
    line,
    ...(severity !== undefined && { severity }),
    ...(value !== undefined && { value }),
  }
}

/** `{ region: eu }`: the values of `group_by`, all of them and nothing else. */
function readGroup(
  reader: DocumentReader,
  path: DocumentPath,
  groupBy: readonly string[],
): Readonly<Record<string, string>> {
  const group = reader.at(path) === null ? {} : reader.words(path, 1_000)
  for (const name of Object.keys(group)) {
    if (groupBy.includes(name)) continue
    const known =
      groupBy.length === 0 ? 'the rule has no group_by' : `group_by is ${groupBy.join(', ')}`
    reader.refuse([...path, name], 'unexpected', `"${name}" is not part of the group: ${known}`, {
      part: 'key',
    })
  }
  for (const name of groupBy) {
    if (Object.hasOwn(group, name)) continue
    reader.refuse(path, 'missing', `expected the group's value of "${name}"`)
  }
  return group
}

function readTime(
  reader: DocumentReader,
  path: DocumentPath,
  required = false,
): number | undefined {
  return reader.duration(path, { required, minMs: 0, maxMs: TIME_MAX_MS })
}
