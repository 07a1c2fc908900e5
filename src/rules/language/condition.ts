/** Where a part of a condition was written, for messages and `explain`. Lines and columns from 1. */
export interface Span {
  readonly line: number
  readonly column: number
  readonly length: number
}

/** Placeholder until the language lands: a boolean expression over one event. */
export type Condition = { readonly kind: 'everything' }
