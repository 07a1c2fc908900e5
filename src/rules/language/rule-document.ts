import { formatDuration } from '../../model/duration.ts'
import type { DocumentReader } from '../../model/document-reader.ts'
import { didYouMean } from '../../model/problem.ts'
import { DEFAULT_TIMING } from '../../model/partition.ts'
import type { FieldType, InputInfo } from '../../model/ruleset.ts'
import { compareSeverity, SEVERITIES, type Severity } from '../../model/severity.ts'
import type { Detector, Rule, RuleLimits } from '../rule.ts'
import { GROUPS_DEFAULT } from '../windows/limits.ts'
import { readCondition } from './native.ts'
import { revisionOf, stateHashOf } from './rule-hashes.ts'
import { readTests } from './rule-tests.ts'

export interface RuleContext {
  /** Field types over Graylog's defaults. */
  readonly fields: Readonly<Record<string, FieldType>>
  /** Inputs by name; empty where they are not known (a check without the service's settings). */
  readonly inputs: Readonly<Record<string, InputInfo>>
}

export const ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,99}$/
export const ID_EXPECTED =
  'a name of a–z, 0–9, ".", "_", "-" that begins with a letter or digit, at most 100 characters'

const TYPES = ['match', 'threshold'] as const
/** Rule types and options of the language that this version does not have. */
const LATER = listOf(`
  list change cardinality metric ratio spike absence heartbeat new_term together sequence pair
  composite baseline burn_rate for on_missing active dedup early expires`)
const KEYS = listOf(`
  rule title severity labels annotations from where group_by match threshold escalate late_by clear
  clock limits mode tests`)

const DAY_MS = 86_400_000
const WINDOW_MAX_MS = 366 * DAY_MS
const COUNT_MAX = 1_000_000
/** An early rule keeps history this long for events that come late. */
const LATE_BY_DEFAULT_MS = 120_000
const GROUP_FIELDS_MAX = 10
const ESCALATE_MAX = 10
const GROUPS_MAX = 10_000_000

/**
 * Reads a `rule:` document (design §8) and fills its defaults. `undefined` when anything was
 * refused; the reader holds every problem, warnings also when the rule is good.
 */
export function readRule(reader: DocumentReader, context: RuleContext): Rule | undefined {
  reader.keys([], KEYS, { later: LATER })
  const id = reader.text(['rule'], { required: true, pattern: ID_PATTERN, expected: ID_EXPECTED })
  const title = reader.text(['title'], { max: 200 })
  const severity = reader.oneOf(['severity'], SEVERITIES) ?? 'medium'
  const inputs = readInputs(reader, context.inputs)
  const isLater = LATER.some((key) => reader.has([key]))
  const condition =
    isLater && !reader.has(['where']) ? undefined : readCondition(reader, ['where'], context.fields)
  const groupBy = reader.texts(['group_by'], 'a list of field names')
  if (groupBy.length > GROUP_FIELDS_MAX) {
    reader.refuse(['group_by'], 'too-many', `at most ${GROUP_FIELDS_MAX} fields make a group`)
  }
  const detector = readDetector(reader)
  const escalate = readEscalate(reader, detector, severity)
  const lateByMs =
    reader.duration(['late_by'], { minMs: 0, maxMs: WINDOW_MAX_MS }) ?? LATE_BY_DEFAULT_MS
  const windowMs = detector?.kind === 'threshold' ? detector.withinMs : 0
  const settleMs = lateByMs + reorderOf(inputs, context.inputs)
  const quietMs = readQuiet(reader, Math.max(windowMs, settleMs))
  const clock = reader.oneOf(['clock'], ['event', 'received']) ?? 'event'
  const limits = readLimits(reader)
  const mode = reader.oneOf(['mode'], ['active', 'shadow']) ?? 'active'
  const labels = reader.words(['labels'], 200)
  const annotations = reader.words(['annotations'], 4_000)
  const tests = readTests(reader, groupBy)
  if (reader.hasErrors || id === undefined || condition === undefined || detector === undefined) {
    return undefined
  }
  const where = reader.at(['where'])
  return {
    id,
    title: title ?? id,
    severity,
    labels,
    annotations,
    inputs,
    condition,
    query: typeof where === 'string' ? where : null,
    groupBy,
    detector,
    escalate,
    lateByMs,
    quietMs,
    clock,
    limits,
    mode,
    revision: revisionOf(reader.document.value),
    stateHash: stateHashOf({ condition, detector, groupBy, clock }, context.fields),
    tests,
    file: reader.file,
    line: reader.document.locate(['rule'], 'key').line,
  }
}

/** `limits`: how many groups are kept at one time, and what happens when more come. */
function readLimits(reader: DocumentReader): RuleLimits {
  if (reader.has(['limits'])) reader.keys(['limits'], ['groups', 'overflow'])
  const groups = reader.number(['limits', 'groups'], { whole: true, min: 1, max: GROUPS_MAX })
  const overflow = reader.oneOf(['limits', 'overflow'], ['evict_oldest', 'refuse_new'])
  return { groups: groups ?? GROUPS_DEFAULT, overflow: overflow ?? 'evict_oldest' }
}

/** `from`, with a warning for an input that the settings do not have. */
export function readInputs(
  reader: DocumentReader,
  known: Readonly<Record<string, InputInfo>>,
): readonly string[] {
  const inputs = reader.texts(['from'], 'a list of input names')
  const names = Object.keys(known)
  if (names.length === 0) return inputs
  for (const [i, input] of inputs.entries()) {
    if (Object.hasOwn(known, input)) continue
    const message = `no input is called "${input}"${didYouMean(input, names)}; there are ${names.join(', ')}`
    reader.warn(['from', i], 'unknown-input', message)
  }
  return inputs
}

function readDetector(reader: DocumentReader): Detector | undefined {
  const types = TYPES.filter((type) => reader.has([type]))
  const [type] = types
  if (type === undefined || types.length > 1) {
    if (types.length > 1) {
      reader.refuse([types[1]!], 'unexpected', `a rule has one type, found ${types.join(' and ')}`)
    } else if (!LATER.some((key) => reader.has([key]))) {
      reader.refuse([], 'missing', `the rule has no type; expected one of ${TYPES.join(', ')}`)
    }
    return undefined
  }
  if (type === 'match') {
    reader.keys(['match'], [])
    return { kind: 'match' }
  }
  if (reader.keys(['threshold'], ['at_least', 'above', 'within'], { required: true }) === undefined)
    return undefined
  const atLeast = readCount(reader, ['threshold'])
  const withinMs = reader.duration(['threshold', 'within'], {
    required: true,
    minMs: 1,
    maxMs: WINDOW_MAX_MS,
  })
  if (atLeast === undefined || withinMs === undefined) return undefined
  return { kind: 'threshold', atLeast, withinMs }
}

/** `at_least: 5`, or `above: 4`, which is the same for whole numbers. */
function readCount(reader: DocumentReader, path: readonly (string | number)[]): number | undefined {
  const [hasAtLeast, hasAbove] = [reader.has([...path, 'at_least']), reader.has([...path, 'above'])]
  if (hasAtLeast === hasAbove) {
    reader.refuse(
      path,
      hasAbove ? 'unexpected' : 'missing',
      'expected exactly one of at_least, above',
    )
    return undefined
  }
  if (hasAtLeast) {
    return reader.number([...path, 'at_least'], { min: 1, max: COUNT_MAX, whole: true })
  }
  const above = reader.number([...path, 'above'], { min: 0, max: COUNT_MAX - 1, whole: true })
  return above === undefined ? undefined : above + 1
}

function readEscalate(
  reader: DocumentReader,
  detector: Detector | undefined,
  base: Severity,
): Rule['escalate'] {
  const count = reader.count(['escalate'], 'a list of steps')
  if (count > ESCALATE_MAX) {
    reader.refuse(['escalate'], 'too-many', `at most ${ESCALATE_MAX} steps`)
    return []
  }
  if (count > 0 && detector?.kind === 'match') {
    reader.refuse(
      ['escalate'],
      'unexpected',
      'every match has the value 1; escalate needs a threshold',
    )
  }
  const steps: { atLeast: number; severity: Severity }[] = []
  for (let i = 0; i < count; i++) {
    const path = ['escalate', i]
    if (reader.keys(path, ['at_least', 'above', 'severity'], { required: true }) === undefined)
      continue
    const atLeast = readCount(reader, path)
    const severity = reader.oneOf([...path, 'severity'], SEVERITIES, true)
    if (atLeast === undefined || severity === undefined) continue
    if (compareSeverity(severity, base) <= 0) {
      const message = `"${severity}" is not above the rule's own severity "${base}", so this step does nothing`
      reader.warn([...path, 'severity'], 'escalate-lower', message)
    }
    if (detector?.kind === 'threshold' && atLeast <= detector.atLeast) {
      const message = `the rule fires at ${detector.atLeast}, so this step must be higher`
      reader.refuse(path, 'unexpected', message)
    }
    if (steps.some((step) => step.atLeast === atLeast)) {
      reader.refuse(path, 'double', `two steps at ${atLeast}`)
    }
    steps.push({ atLeast, severity })
  }
  return steps.sort((a, b) => a.atLeast - b.atLeast)
}

function listOf(words: string): readonly string[] {
  return words.trim().split(/\s+/)
}

const CLEAR_LATER = ['below', 'when', 'when_seen', 'manual']

function readQuiet(reader: DocumentReader, leastMs: number): number {
  reader.keys(['clear'], ['quiet_for'], { later: CLEAR_LATER })
  const path = ['clear', 'quiet_for']
  const quietMs = reader.duration(path, { minMs: 1, maxMs: WINDOW_MAX_MS })
  if (quietMs !== undefined && quietMs < leastMs) {
    const message = `${formatDuration(quietMs)} is shorter than ${formatDuration(leastMs)}, the longer of the window and late_by + reorder: an episode may clear and fire again over the same events`
    reader.warn(path, 'quiet-shorter', message)
  }
  return quietMs ?? leastMs
}

/** The longest `reorder` of the inputs that the rule reads. */
function reorderOf(inputs: readonly string[], known: Readonly<Record<string, InputInfo>>): number {
  const names = inputs.length > 0 ? inputs : Object.keys(known)
  const all = names.map((name) => (Object.hasOwn(known, name) ? known[name]!.reorderMs : null))
  const found = all.filter((reorderMs) => reorderMs !== null)
  return found.length > 0 ? Math.max(...found) : DEFAULT_TIMING.reorderMs
}
