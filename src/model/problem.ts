/**
 * A thing found wrong in something a person wrote: a rule, a query, a setting, an events file.
 * Every checker returns these as values; only {@link ProblemError} carries them through a throw.
 */
export interface Problem {
  /** Short stable name, such as `unknown-key` or `query-syntax`; documented and greppable. */
  readonly code: string
  readonly severity: 'error' | 'warning'
  /** One sentence: what is wrong, quoting the text; what was expected; what was probably meant. */
  readonly message: string
  readonly file?: string | undefined
  /** From 1. */
  readonly line?: number | undefined
  /** From 1, in UTF-16 code units. */
  readonly column?: number | undefined
}

/** Thrown where the caller cannot go on; holds every problem found, not only the first. */
export class ProblemError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'ProblemError'
    this.problems = problems
  }
}

/** `rules/auth.yaml:12:5: error: … [code]`, the form compilers use and editors jump to. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined)
  const prefix = place.length > 0 ? `${place.join(':')}: ` : ''
  return `${prefix}${problem.severity}: ${problem.message} [${problem.code}]`
}

/**
 * The known word nearest to what was written (Damerau-Levenshtein, at most a third of its length
 * wrong), for "did you mean"; `undefined` when nothing is near.
 */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const word = written.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(written: string, known: Iterable<string>): string {
  const near = nearest(written, known)
  return near === undefined ? '' : ` (did you mean "${near}"?)`
}

function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforeLast[j - 2]! + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
