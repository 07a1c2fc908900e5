/**
 * Runs test suites by name, one after the other, and closes with one line that counts them all
 * and, where suites were left out, with what they need. Called by the npm scripts.
 *
 *     node test/run.ts unit acceptance
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readTestReport } from './test-report.ts'
import type { TestReport } from './test-report.ts'

/** Every suite, with what it needs beyond git, npm and Node. */
const SUITES: Readonly<Record<string, string>> = {
  unit: 'nothing',
  acceptance: 'nothing',
  simulation: 'some minutes (npm run test:simulation)',
  corpora: 'the folder ../shared/corpora (npm run test:corpora)',
  services: 'Debian packages and root (npm run test:services)',
}

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const unknown = wanted.filter((name) => SUITES[name] === undefined)
if (wanted.length === 0 || unknown.length > 0) {
  throw new Error(`test/run.ts: expected suites out of: ${Object.keys(SUITES).join(', ')}`)
}

const total = { passed: 0, failed: 0, skipped: 0 }
for (const suite of wanted) {
  const counts = runSuite(suite)
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
}

const leftOut = Object.entries(SUITES).filter(([name]) => !wanted.includes(name))
for (const [name, needs] of leftOut) {
  if (needs !== 'nothing') console.log(`left out: the suite "${name}", which needs ${needs}`)
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

function runSuite(suite: string): TestReport {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-tests-'))
  const report = join(folder, 'report.json')
  const args = ['run', '--project', suite, '--reporter=default', '--reporter=json']
  try {
    console.log(`\n== ${suite}`)
    const startMs = Date.now()
    const run = spawnSync('vitest', [...args, `--outputFile.json=${report}`], { stdio: 'inherit' })
    console.log(`== ${suite}: ${((Date.now() - startMs) / 1000).toFixed(0)} s`)
    return readTestReport(report, run.status ?? 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
