import { readFileSync } from 'node:fs'

export interface TestReport {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Of the tests that passed. */
  readonly names: readonly string[]
}

interface VitestReport {
  readonly numPassedTests?: number
  readonly numFailedTests?: number
  readonly numPendingTests?: number
  readonly numTodoTests?: number
  readonly testResults?: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Reads vitest's report; a run that ended badly without a failed test counts as one failure. */
export function readTestReport(file: string, status: number): TestReport {
  let report: VitestReport
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
  } catch {
    return { passed: 0, failed: 1, skipped: 0, names: [] }
  }
  return {
    passed: report.numPassedTests ?? 0,
    failed: Math.max(report.numFailedTests ?? 0, status === 0 ? 0 : 1),
    skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0),
    names: (report.testResults ?? [])
      .flatMap(({ assertionResults }) => assertionResults)
      .filter((test) => test.status === 'passed')
      .map(({ fullName }) => fullName),
  }
}
