import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { compileRuleset } from '../../src/config/ruleset.ts'
import { readYaml } from '../../src/lib/yaml-document.ts'
import type { Problem } from '../../src/model/problem.ts'

const FOLDER = '../shared/corpora/yaml'

const bytes = (file: string): Buffer => {
  const path = `${FOLDER}/${file}`
  if (!existsSync(path))
    throw new Error(`${path} is missing: the corpora are not beside the project`)
  return readFileSync(path)
}

interface Case {
  readonly id: string
  readonly yaml: string
  readonly expect: string
}

const adversarial = bytes('adversarial.jsonl')
  .toString()
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

/** Cases that are good YAML and wrong Sigma: for the Sigma reader to refuse. */
const SIGMA_ONLY = new Set(['regex-invalid', 'cidr-invalid'])

describe('rule files that were made to do harm', () => {
  test.each(adversarial.map((entry) => [entry.id, entry] as const))(
    '%s',
    (id, { yaml, expect: verdict }) => {
      const text = yaml.replace('@REPEAT_x_1000000@', 'x'.repeat(1_000_000))
      const { documents, faults } = readYaml(text)
      const { problems } = compileRuleset({
        documents: [{ file: 'a.yaml', text }],
        inputs: {},
        fields: {},
      })
      const isRefused = (problem: Problem): boolean =>
        problem.severity === 'error' && problem.code !== 'sigma-later'
      if (verdict === 'reject' && !SIGMA_ONLY.has(id)) expect(problems.some(isRefused)).toBe(true)
      if (verdict === 'accept') expect(faults).toEqual([])
      expect(documents.length > 0 || faults.length > 0).toBe(true)
      for (const { line, column } of faults) {
        expect(line).toBeGreaterThan(0)
        expect(column).toBeGreaterThan(0)
      }
      expect(Object.prototype).not.toHaveProperty('EventID')
    },
  )
})

/** Files of a tar archive (POSIX ustar) by name. */
function untar(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>()
  for (let at = 0; at + 512 <= archive.length;) {
    const field = (from: number, length: number): string =>
      archive.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '')
    const name = field(0, 100)
    if (name === '') break
    const size = Number.parseInt(field(124, 12).trim() || '0', 8)
    if (field(156, 1) === '0') files.set(name, archive.toString('utf8', at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}

const suite = untar(gunzipSync(bytes('yaml-test-suite-data.tar.gz')))
const inputs = [...suite].filter(([name]) => name.endsWith('/in.yaml'))

/** What we refuse on purpose although it is YAML, told by what the reader says. */
const REFUSED_ON_PURPOSE = /not allowed|a key must be|stands twice|may not stand in YAML/
describe('the YAML test suite', () => {
  test('is all there', () => {
    expect(inputs.length).toBeGreaterThan(400)
  })

  test('nothing crashes, what must fail fails, and only what we refuse on purpose is refused', () => {
    const taken: string[] = []
    const refused: string[] = []
    for (const [name, text] of inputs) {
      const id = name.slice(0, -'/in.yaml'.length)
      const { faults } = readYaml(text)
      const mustFail = suite.has(`${id}/error`)
      if (mustFail && faults.length === 0) taken.push(id)
      if (mustFail || faults.length === 0) continue
      if (!faults.some((fault) => REFUSED_ON_PURPOSE.test(fault.message))) refused.push(id)
    }
    expect({ taken, refused }).toEqual({ taken: [], refused: [] })
  })

  test('what is read has the values that the suite states', () => {
    let compared = 0
    for (const [name, text] of inputs) {
      const stated = suite.get(name.replace(/in\.yaml$/, 'in.json'))
      const { documents, faults } = readYaml(text)
      if (stated === undefined || faults.length > 0 || documents.length !== 1) continue
      let json: unknown
      try {
        json = JSON.parse(stated)
      } catch {
        continue // Several documents in one file.
      }
      expect([name, JSON.parse(JSON.stringify(documents[0]!.value))]).toEqual([name, json])
      compared++
    }
    expect(compared).toBeGreaterThan(150)
  })
})
