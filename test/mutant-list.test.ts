/**
 * The planted bugs of the mutation gate stand where they are said to. The gate itself runs with
 * the simulation; this tells at once who moved the code that a bug names.
 */
import { stripTypeScriptTypes } from 'node:module'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MUTANTS } from './simulation/mutant-list.ts'
import { planted } from './simulation/plant.ts'

const root = join(import.meta.dirname, '..')

describe('the mutation gate', () => {
  it('knows the twelve bugs that the issue names', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(12)
  })

  it.each(MUTANTS)('can plant: $name', ({ edits }) => {
    for (const edit of edits) {
      const text = readFileSync(join(root, edit.file), 'utf8')
      const changed = planted(text, edit)
      expect(changed).not.toBe(text)
      expect(() => stripTypeScriptTypes(changed)).not.toThrow()
    }
  })
})

describe('planting', () => {
  const at = { file: 'src/some.ts', find: "call({ ...one, two: 'x' })", replace: '/* $& */' }

  it.each([
    "call({ ...one, two: 'x' })",
    'call({...one,two:"x"})',
    "call({\n  ...one,\n  two: 'x',\n})",
    "call(\n  { ...one, two: 'x' },\n)",
  ])('finds code in any layout: %j', (text) => {
    expect(planted(`a\n${text}\nb`, at)).toBe(`a\n/* ${text} */\nb`)
  })

  it.each([
    ['call({ ...one, two: "y" })', 0],
    ['recall({ ...one })', 0],
    ["call({...one, two: 'x'}); call({ ...one, two: 'x' })", 2],
  ])('says so when it is not there exactly once: %j', (text, times) => {
    expect(() => planted(text, at)).toThrow(
      `src/some.ts has the code "${at.find}" ${times} times, expected once: say in ` +
        'test/simulation/mutant-list.ts where this bug would stand now',
    )
  })
})
