import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readRuleFiles } from '../../src/config/rule-files.ts'
import { YAML_SIZE_MAX } from '../../src/lib/yaml-document.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-rules-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})
const write = (name: string, content: string | Uint8Array = 'a: 1'): string => {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}
const names = (paths: readonly string[]): string[] =>
  readRuleFiles(paths).documents.map((document) => relative(folder, document.file))

describe('reading rule files', () => {
  test('walks folders in order of name and takes .yaml and .yml only', () => {
    for (const name of ['b.yaml', 'a/z.yml', 'a/y.yaml', 'c.txt', 'a/README.md', 'yaml'])
      write(name)
    expect(names([folder])).toEqual(['a/y.yaml', 'a/z.yml', 'b.yaml'])
  })

  test('passes over hidden folders, node_modules and the settings of the service', () => {
    for (const name of ['.git/a.yaml', 'node_modules/x/a.yaml', 'tocsin.yaml', 'a.yaml'])
      write(name)
    expect(names([folder])).toEqual(['a.yaml'])
    expect(names([join(folder, 'tocsin.yaml')])).toEqual(['tocsin.yaml'])
  })

  test('takes a file that is named whatever it is called, and each file once', () => {
    const file = write('rules.txt')
    const other = write('a.yaml')
    expect(names([file, other, folder, other])).toEqual(['rules.txt', 'a.yaml'])
  })

  test('follows a link to a file, never one to a folder', () => {
    write('real/a.yaml')
    symlinkSync(join(folder, 'real'), join(folder, 'loop'))
    symlinkSync(join(folder, 'real/a.yaml'), join(folder, 'link.yaml'))
    symlinkSync(folder, join(folder, 'real/up'))
    expect(names([folder])).toEqual(['link.yaml', 'real/a.yaml'])
  })

  test.each([
    ['a path that is not there', () => join(folder, 'none'), 'no such file'],
    ['a file that is too large', () => write('a.yaml', 'x'.repeat(YAML_SIZE_MAX + 1)), 'split it'],
    ['a file that is not UTF-8', () => write('a.yaml', Uint8Array.of(0x61, 0xff)), 'not UTF-8'],
  ])('reports %s and reads the rest', (_what, make, message) => {
    const good = write('good.yaml')
    const bad = make()
    const { documents, problems } = readRuleFiles([bad, good])
    expect(documents.map((document) => document.file)).toEqual([good])
    expect(problems).toMatchObject([{ code: 'unreadable', severity: 'error', file: bad }])
    expect(problems[0]!.message).toContain(message)
  })

  test('reports a link that leads nowhere', () => {
    symlinkSync(join(folder, 'nowhere'), join(folder, 'a.yaml'))
    expect(readRuleFiles([folder]).problems).toMatchObject([{ code: 'unreadable' }])
  })
})
