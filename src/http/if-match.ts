import { HttpProblem } from './http-problem.ts'

/** The entity tag of a version: what `ETag` shows and `If-Match` must repeat. */
export function etag(version: number): string {
  return `"${version}"`
}

/**
 * The version that a change is made against. `undefined` for `*`, which means any; throws 428
 * when the header is missing, 412 for a tag that can never be current.
 */
export function expectedVersion(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '') {
    throw new HttpProblem(
      'precondition-required',
      'Send the ETag of the incident as you saw it: If-Match: "3".',
    )
  }
  if (header.trim() === '*') return undefined
  const match = /^"(\d{1,15})"$/.exec(header.trim())
  if (match !== null) return Number(match[1])
  throw new HttpProblem(
    'precondition-failed',
    `If-Match: ${header.slice(0, 64)} is not an ETag of this incident; expected such as "3".`,
  )
}
