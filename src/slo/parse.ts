import { shown, type DocumentReader } from '../model/document-reader.ts'
import type { Objective } from './objective.ts'

const KEYS =
  'slo title service objective period from total bad group_by min_events burn labels'.split(' ')
const DAY_MS = 86_400_000
const PERIOD_DEFAULT_MS = 30 * DAY_MS
const EVENTS_MAX = 1_000_000_000
const TARGET_EXPECTED = 'a share such as 99.9% (or 0.999), above 0 and below 100%'

/** What the rules' side lends, because objectives do not import rules. */
export interface ObjectiveContext<C> {
  readonly idPattern: RegExp
  readonly idExpected: string
  /** Reads the condition at a key; `undefined` when it was refused. */
  readonly condition: (key: 'total' | 'bad') => C | undefined
  /** Reads `from`. */
  readonly inputs: () => readonly string[]
}

/**
 * Reads a `slo:` document, the short form of design §8. `undefined` when anything was refused; the
 * reader holds every problem.
 */
export function readObjective<C>(
  reader: DocumentReader,
  context: ObjectiveContext<C>,
): { readonly objective: Objective; readonly total: C; readonly bad: C } | undefined {
  reader.keys([], KEYS)
  const { idPattern, idExpected } = context
  const id = reader.text(['slo'], { required: true, pattern: idPattern, expected: idExpected })
  const title = reader.text(['title'], { max: 200 })
  const service = reader.text(['service'], { required: true, max: 200, pattern: /[^]/ })
  const target = readTarget(reader)
  reader.keys(['period'], ['rolling'])
  const periodMs = reader.duration(['period', 'rolling'], { minMs: 3_600_000, maxMs: 366 * DAY_MS })
  const inputs = context.inputs()
  const total = context.condition('total')
  const bad = context.condition('bad')
  const groupBy = reader.texts(['group_by'], 'a list of field names')
  const minEvents = reader.number(['min_events'], { min: 0, max: EVENTS_MAX, whole: true }) ?? 0
  reader.oneOf(['burn'], ['default'])
  const labels = reader.words(['labels'], 200)
  if (reader.hasErrors || id === undefined || service === undefined) return undefined
  if (target === undefined || total === undefined || bad === undefined) return undefined
  const objective: Objective = {
    id,
    title: title ?? id,
    service,
    target,
    periodMs: periodMs ?? PERIOD_DEFAULT_MS,
    inputs,
    groupBy,
    minEvents,
    labels,
    file: reader.file,
    line: reader.document.locate(['slo'], 'key').line,
  }
  return { objective, total, bad }
}

/** `99.9%` is the double nearest to 0.999, not a hundredth of one near 99.9. */
function readTarget(reader: DocumentReader): number | undefined {
  const path = ['objective']
  const written = reader.at(path)
  const percent = typeof written === 'string' ? /^(\d{1,3}(?:\.\d{1,9})?) ?%$/.exec(written) : null
  const target = percent !== null ? Number(`${percent[1]}e-2`) : written
  if (typeof target === 'number' && target > 0 && target < 1) return target
  const isBare = typeof written === 'number' && written >= 1 && written < 100
  const found = written === undefined || written === null ? 'nothing' : shown(written)
  const hint = isBare ? ` (did you mean "${written}%"?)` : ''
  reader.refuse(path, 'unexpected', `expected ${TARGET_EXPECTED}, found ${found}${hint}`)
  return undefined
}
