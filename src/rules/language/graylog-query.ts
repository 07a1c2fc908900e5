import type { Problem } from '../../model/problem.ts'
import type { FieldType } from '../../model/ruleset.ts'
import type { Bound, Condition, Span } from './condition.ts'
import { dateInterval } from './date-text.ts'
import { exactNumber } from './exact-number.ts'
import { fieldTypes, type FieldTypes } from './field-types.ts'
import { parseQuery } from './graylog-parser.ts'
import { QueryFault, unsupportedFault } from './query-fault.ts'
import type { Clause, QueryBound, QueryNode, Where } from './query-node.ts'
import { isDateMath } from './query-refusals.ts'
import { words } from './words.ts'

export interface QueryContext {
  /** Field types over Graylog's defaults. */
  readonly fields: Readonly<Record<string, FieldType>>
  readonly file?: string
  /** Where a part of the query stands in its file; by default the query is the file. */
  readonly place?: (at: number, length: number) => Span
}

/** Longer than anything typed; keeps every later step short. In UTF-16 units. */
export const QUERY_LENGTH_MAX = 32 * 1024

/**
 * Reads a query as typed in Graylog's search box and gives it the meaning that Graylog's search
 * engine does: Lucene's classic clauses over Graylog's field types. Without `condition` one of the
 * problems is an error; with it they are warnings.
 */
export function compileQuery(
  query: string,
  context: QueryContext,
): { readonly condition?: Condition; readonly problems: readonly Problem[] } {
  const place = context.place ?? ((at: number, length: number) => placeIn(query, at, length))
  const problem = (severity: Problem['severity'], code: string, where: Where, message: string) => {
    const { line, column } = place(where.at, where.length)
    const sentence = `query "${oneLine(query, 80)}": ${oneLine(message, 400)}`
    return { code, severity, message: sentence, file: context.file, line, column }
  }
  if (query.length > QUERY_LENGTH_MAX) {
    const message = `it has ${query.length} characters; at most ${QUERY_LENGTH_MAX} are read`
    return { problems: [problem('error', 'query-unsupported', { at: 0, length: 1 }, message)] }
  }
  try {
    const { node, notes } = parseQuery(query)
    const problems = notes.map((note) => problem('warning', note.code, note, note.message))
    const bare = findBareOr(node)
    if (bare !== undefined) {
      const message =
        'parts side by side without an operator mean OR; write OR, or AND if both must hold'
      problems.push(problem('warning', 'bare-or', bare, message))
    }
    const lowering = new Lowering(fieldTypes(context.fields), place)
    const condition = lowering.node(node)
    for (const { where, message } of lowering.misfits) {
      problems.push(problem('warning', 'invalid-value', where, message))
    }
    if (condition !== null) return { condition, problems }
    const message = 'nothing is left to search for once the words are taken apart'
    problems.push(problem('warning', 'never-true', node.at, message))
    return { condition: { kind: 'nothing', span: place(node.at.at, node.at.length) }, problems }
  } catch (fault) {
    if (!(fault instanceof QueryFault)) throw fault
    return { problems: [problem('error', fault.code, fault, fault.message)] }
  }
}

/** From the tree of clauses to conditions; `null` for a part that holds no word at all. */
class Lowering {
  /** Values that the field's type can never hold. */
  readonly misfits: { readonly where: Where; readonly message: string }[] = []
  readonly #types: FieldTypes
  readonly #place: (at: number, length: number) => Span

  constructor(types: FieldTypes, place: (at: number, length: number) => Span) {
    this.#types = types
    this.#place = place
  }

  node(node: QueryNode): Condition | null {
    const span = this.#place(node.at.at, node.at.length)
    switch (node.kind) {
      case 'everything':
        return { kind: 'everything', span }
      case 'exists':
        return { kind: 'exists', field: node.field, span }
      case 'range': {
        const { field } = node
        for (const end of [node.lower, node.upper]) if (end !== null) this.#check(node, end.text)
        return { kind: 'range', field, lower: bound(node.lower), upper: bound(node.upper), span }
      }
      case 'term':
      case 'phrase':
        this.#check(node, node.text)
        if (this.#typeOf(node) === 'text' && words(node.text).length === 0) return null
        return { kind: node.kind, field: node.field, text: node.text, span }
      case 'prefix': {
        const type = this.#typeOf(node)
        if (type === 'long' || type === 'double' || type === 'date') {
          this.#misfit(node, `values of "${node.field}" (${type}) begin with no text`)
        }
        return { kind: 'prefix', field: node.field, text: node.text, span }
      }
      case 'clauses':
        return this.#clauses(node.clauses, span)
    }
  }

  #typeOf(node: { readonly field: string | null }): FieldType | undefined {
    return node.field === null ? undefined : this.#types.get(node.field)
  }

  /** A value that its field can never hold makes the part false, as in Graylog: worth a word. */
  #check(node: { readonly field: string | null; readonly at: Where }, text: string): void {
    const type = this.#typeOf(node)
    if (type === 'date' && isDateMath(text)) {
      const message = `"${text}": dates relative to now come in a later version`
      throw unsupportedFault(node.at.at, node.at.length, message)
    }
    const isNumeric = type === 'long' || type === 'double'
    if (isNumeric && exactNumber(text) === undefined) {
      this.#misfit(node, `"${node.field}" holds numbers (${type}), and "${text}" is none`)
    } else if (type === 'date' && dateInterval(text) === undefined) {
      this.#misfit(node, `"${node.field}" holds dates, and "${text}" is none`)
    }
  }

  #misfit(node: { readonly at: Where }, message: string): void {
    this.misfits.push({ where: node.at, message: `${message}: this part finds nothing` })
  }

  /**
   * Lucene's `addClause` with OR as the default operator. A part without words is dropped, but an
   * AND in front of it still makes the part before it required.
   */
  #clauses(clauses: readonly Clause[], span: Span): Condition | null {
    const kept: { occurs: 'must' | 'should' | 'never'; condition: Condition }[] = []
    for (const clause of clauses) {
      const before = kept.at(-1)
      if (clause.joined === 'and' && before?.occurs === 'should') before.occurs = 'must'
      const condition = this.node(clause.node)
      if (condition === null) continue
      const isMust = clause.sign === 'required' || clause.joined === 'and'
      const occurs = clause.sign === 'prohibited' ? 'never' : isMust ? 'must' : 'should'
      kept.push({ occurs, condition })
    }
    const of = (occurs: string) =>
      kept.filter((part) => part.occurs === occurs).map((part) => part.condition)
    const [must, should, never] = [of('must'), of('should'), of('never')]
    const not = never.map((condition): Condition => ({ kind: 'not', of: condition, span }))
    if (must.length > 0) return all([...must, ...not], span)
    if (should.length > 0) return all([any(should, span), ...not], span)
    return not.length > 0 ? all(not, span) : null
  }
}

function all(of: readonly Condition[], span: Span): Condition {
  return of.length === 1 ? of[0]! : { kind: 'all', of, span }
}

function any(of: readonly Condition[], span: Span): Condition {
  return of.length === 1 ? of[0]! : { kind: 'any', of, span }
}

function bound(written: QueryBound | null): Bound | null {
  return written === null ? null : { value: written.text, inclusive: written.inclusive }
}

/** The first part that stands beside another without an operator: `a:b c:d`. */
function findBareOr(node: QueryNode): Where | undefined {
  if (node.kind !== 'clauses') return undefined
  for (const [i, clause] of node.clauses.entries()) {
    if (i > 0 && clause.joined === 'bare' && clause.sign === 'plain') {
      const before = node.clauses[i - 1]!
      if (before.sign === 'plain') return clause.node.at
    }
    const inside = findBareOr(clause.node)
    if (inside !== undefined) return inside
  }
  return undefined
}

function placeIn(query: string, at: number, length: number): Span {
  const before = query.slice(0, at)
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: at - lineStart + 1, length }
}

/** Control characters would break the line that a log or terminal shows. */
function oneLine(text: string, max: number): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
  return line.length > max ? `${line.slice(0, max - 1)}…` : line
}
