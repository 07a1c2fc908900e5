import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { ruleFilesStamp } from '../../src/config/rule-files-stamp.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-stamp-'))
  mkdirSync(join(folder, 'team'))
  write('a.yaml', 'rule: a')
  write('team/b.yml', 'rule: b')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

const stamp = (): Promise<string> => ruleFilesStamp([folder])

describe('the stamp of the rule files', () => {
  it('stays while nobody touches them', async () => {
    expect(await stamp()).toBe(await stamp())
  })

  it.each<[string, () => void]>([
    ['a longer text', () => write('a.yaml', 'rule: aa')],
    [
      'a text of the same length at another time',
      () => {
        write('team/b.yml', 'rule: c')
        utimesSync(join(folder, 'team/b.yml'), 1, 1)
      },
    ],
    ['a new file', () => write('team/c.yaml', 'rule: c')],
    ['a file that is gone', () => rmSync(join(folder, 'a.yaml'))],
    ['another name', () => renameSync(join(folder, 'a.yaml'), join(folder, 'z.yaml'))],
    ['a link to a file', () => symlinkSync(join(folder, 'a.yaml'), join(folder, 'd.yaml'))],
    ['no folder any more', () => rmSync(folder, { recursive: true })],
  ])('is another after %s', async (_, change) => {
    const before = await stamp()
    change()
    expect(await stamp()).not.toBe(before)
  })

  it('is the same after a change that no rule is read from', async () => {
    const before = await stamp()
    mkdirSync(join(folder, '.git'))
    write('.git/x.yaml', 'x')
    write('notes.txt', 'x')
    write('tocsin.yaml', 'x')
    expect(await stamp()).toBe(before)
  })
})
