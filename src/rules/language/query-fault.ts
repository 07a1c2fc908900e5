/** Why a query was refused, and where: `at` and `length` count UTF-16 units of the query. */
export class QueryFault extends Error {
  override readonly name = 'QueryFault'
  readonly code: 'query-syntax' | 'query-unsupported'
  readonly at: number
  readonly length: number

  constructor(code: QueryFault['code'], at: number, length: number, message: string) {
    super(message)
    this.code = code
    this.at = at
    this.length = length
  }
}

/** It is not a query in Graylog either. */
export function syntaxFault(at: number, length: number, message: string): QueryFault {
  return new QueryFault('query-syntax', at, length, message)
}

/** Graylog understands it and this version does not: refused, never evaluated differently. */
export function unsupportedFault(at: number, length: number, message: string): QueryFault {
  return new QueryFault('query-unsupported', at, length, message)
}
