/** What bench/ measures is written down: a figure that nobody can find is none. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { BENCHMARKS } from '../bench/main.ts'

const results = readFileSync(join(import.meta.dirname, '..', 'bench', 'RESULTS.md'), 'utf8')

describe('bench/RESULTS.md', () => {
  it.each(Object.keys(BENCHMARKS))('has a section with command, date and table for %s', (name) => {
    const section = sectionOf(name)
    expect(section).toContain(`npm run bench -- ${name}`)
    expect(section).toMatch(/\d{4}-\d{2}-\d{2}/)
    expect(section).toMatch(/^commit `[0-9a-f]{7,}`/m)
    expect(section).toMatch(/^\| ---/m)
  })

  it('tells of no benchmark that is not there', () => {
    const named = [...results.matchAll(/^## (.+)$/gm)].map(([, name]) => name)
    expect(named).toEqual(Object.keys(BENCHMARKS))
  })
})

function sectionOf(name: string): string {
  const start = results.indexOf(`\n## ${name}\n`)
  expect(start, `a section "## ${name}"`).toBeGreaterThanOrEqual(0)
  const end = results.indexOf('\n## ', start + 1)
  return results.slice(start, end < 0 ? undefined : end)
}
