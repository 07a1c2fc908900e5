import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGES = ['', 'docs/reference', 'docs/decisions'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

interface Link {
  readonly path: string
  readonly anchor: string | undefined
}

/** Links within the repository; what stands in fenced code is none. */
function linksOf(page: string): Link[] {
  const text = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```[^]*?^```$/gm, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1]!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page : relative('.', join(dirname(page), file))
      return { path, anchor }
    })
}

/** Headings as they are linked to. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(PAGES)('the links of %s', (page) => {
  it('lead somewhere', () => {
    const links = linksOf(page)
    const broken = links.filter(({ path, anchor }) => {
      if (!existsSync(join(ROOT, path))) return true
      return anchor !== undefined && !anchorsOf(path).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

it('lead from the README to every page of the reference', () => {
  const linked = linksOf('README.md').map(({ path }) => path)
  const pages = PAGES.filter((page) => page.startsWith(join('docs', 'reference')))
  expect(pages.length).toBeGreaterThan(7)
  expect(pages.filter((page) => !linked.includes(page))).toEqual([])
})
