/** What a query says, before field types give it a meaning. `at` and `length` are UTF-16 units. */
export type QueryNode =
  | { readonly kind: 'clauses'; readonly clauses: readonly Clause[]; readonly at: Where }
  | { readonly kind: 'everything'; readonly at: Where }
  | { readonly kind: 'exists'; readonly field: string; readonly at: Where }
  | {
      readonly kind: 'term' | 'phrase' | 'prefix'
      readonly field: string | null
      readonly text: string
      readonly at: Where
    }
  | {
      readonly kind: 'range'
      readonly field: string | null
      readonly lower: QueryBound | null
      readonly upper: QueryBound | null
      readonly at: Where
    }

export interface Where {
  readonly at: number
  readonly length: number
}

export interface QueryBound {
  readonly text: string
  readonly inclusive: boolean
}

/**
 * One part of a clause list, with the operators in front of it. Lucene's classic parser knows no
 * precedence: `AND` marks the clauses on both of its sides as required, everything else is
 * optional, and optional clauses do not count once one is required.
 */
export interface Clause {
  readonly joined: 'and' | 'or' | 'bare'
  readonly sign: 'required' | 'prohibited' | 'plain'
  readonly node: QueryNode
}

/** Nesting of parentheses; far beyond what people write, far below what a stack holds. */
export const QUERY_DEPTH_MAX = 64
/** Lucene's own limit of clauses in one query. */
export const QUERY_CLAUSES_MAX = 1024

/** Something that means what it says, but probably not what was meant. */
export interface QueryNote extends Where {
  readonly code: 'lone-operator' | 'comparison-run'
  readonly message: string
}
