import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { escapeHtml } from '../../src/http/html.ts'
import { pagesWith, skeleton } from '../http/hostile-page.ts'

const file = join(import.meta.dirname, '../../../shared/corpora/strings/blns.json')

function naughtyStrings(): readonly string[] {
  if (!existsSync(file)) {
    throw new Error(`${file} is missing: the corpora belong beside the project, in ../shared`)
  }
  return JSON.parse(readFileSync(file, 'utf8')) as string[]
}

describe('the page', () => {
  const calm = pagesWith('calm')
  const strings = naughtyStrings()

  it('has hostile strings to show', () => {
    expect(strings.length).toBeGreaterThan(400)
  })

  it('builds the same elements for every string of the list, and shows it', () => {
    for (const text of strings) {
      const { overview, incident } = pagesWith(text)
      expect(skeleton(overview), text).toEqual(skeleton(calm.overview))
      expect(skeleton(incident), text).toEqual(skeleton(calm.incident))
      expect(incident).toContain(escapeHtml(text.slice(0, 50)).replace(/\ufffd$/, ''))
    }
  })
})
