/** Where a part of a condition was written, for messages and `explain`. Lines and columns from 1. */
export interface Span {
  readonly line: number
  readonly column: number
  readonly length: number
}

/** A field's name, or `null` for a test that any field of the event may satisfy. */
export type FieldName = string | null

/** One end of a range. Text is read as the field's type asks: a number, a date, or as text. */
export interface Bound {
  readonly value: string | number
  readonly inclusive: boolean
}

/**
 * A boolean expression over one event; Graylog queries, native conditions and (later) Sigma all
 * compile to it. Plain data: it is hashed (without spans), sent and shown.
 *
 * A test of a field that is missing is false, so its negation is true, as in Graylog.
 */
export type Condition =
  | { readonly kind: 'everything'; readonly span?: Span }
  | { readonly kind: 'nothing'; readonly span?: Span }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[]; readonly span?: Span }
  | { readonly kind: 'not'; readonly of: Condition; readonly span?: Span }
  | FieldTest

/** What one field must be like. How `text` is compared depends on the field's type. */
export type FieldTest =
  | { readonly kind: 'exists'; readonly field: string; readonly span?: Span }
  /**
   * Words as typed in Graylog's search box. `term`: any of the words of an analysed field, or the
   * whole value of another. `phrase`: the words as a run. `prefix`: one word or value begins so.
   */
  | {
      readonly kind: 'term' | 'phrase' | 'prefix'
      readonly field: FieldName
      readonly text: string
      readonly span?: Span
    }
  | {
      readonly kind: 'range'
      readonly field: FieldName
      readonly lower: Bound | null
      readonly upper: Bound | null
      readonly span?: Span
    }
  /** The whole value, also of an analysed field. */
  | {
      readonly kind: 'equals'
      readonly field: string
      readonly value: string | number
      readonly ignoreCase: boolean
      readonly span?: Span
    }
  /** Characters of the value, whatever the field's type. */
  | {
      readonly kind: 'contains' | 'starts_with' | 'ends_with'
      readonly field: string
      readonly text: string
      readonly ignoreCase: boolean
      readonly span?: Span
    }

/** The same condition without the places where it was written: what a state hash covers. */
export function withoutSpans(condition: Condition): Condition {
  const { span: _span, ...bare } = condition
  if (bare.kind === 'all' || bare.kind === 'any') return { ...bare, of: bare.of.map(withoutSpans) }
  if (bare.kind === 'not') return { ...bare, of: withoutSpans(bare.of) }
  return bare
}

/** Every field that a condition reads; `null` among them when it reads all. */
export function fieldsOf(condition: Condition): Set<FieldName> {
  const found = new Set<FieldName>()
  const walk = (node: Condition): void => {
    switch (node.kind) {
      case 'everything':
      case 'nothing':
        return
      case 'all':
      case 'any':
        node.of.forEach(walk)
        return
      case 'not':
        walk(node.of)
        return
      case 'exists':
      case 'term':
      case 'phrase':
      case 'prefix':
      case 'range':
      case 'equals':
      case 'contains':
      case 'starts_with':
      case 'ends_with':
        found.add(node.field)
    }
  }
  walk(condition)
  return found
}
