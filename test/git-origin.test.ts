import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changeOf, gitOrigin, gitRunner } from '../src/git-origin.ts'

let folder: string
const env = { PATH: process.env['PATH'] }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-git-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function git(...args: readonly string[]): string {
  const name = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.org']
  const settings = { cwd: folder, env: { ...env, HOME: folder }, encoding: 'utf8' } as const
  return execFileSync('git', [...name, '-c', 'commit.gpgSign=false', ...args], settings).trim()
}

function write(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** Commits all there is; answers the hash. */
function commit(message: string): string {
  git('add', '-A')
  git('commit', '-q', '-m', message)
  return git('rev-parse', 'HEAD')
}

function origin(...paths: readonly string[]) {
  const all = paths.length === 0 ? [join(folder, 'rules')] : paths
  return gitOrigin(all, gitRunner({ ...env, HOME: folder, GIT_DIR: '/nowhere' }))
}

describe('the origin of rules in a checkout', () => {
  beforeEach(() => {
    git('init', '-q', '-b', 'main')
    write('rules/a.yaml', 'rule: a\n')
  })

  it('names the commit with its pull request and approvers', async () => {
    const hash = commit(
      'Watch logins (#123)\n\nWhy.\n\nReviewed-by: Bob <bob@example.org>\nApproved-by: Cid',
    )
    expect(await origin()).toEqual({
      commit: hash,
      isDirty: false,
      pullRequest: 123,
      approver: 'Bob <bob@example.org>, Cid',
    })
  })

  it('names the last commit that changed the rules, not a later one beside them', async () => {
    const hash = commit('Rules (#7)')
    write('README', 'other\n')
    commit('Words (#8)')
    expect(await origin()).toMatchObject({ commit: hash, isDirty: false, pullRequest: 7 })
    expect(await origin(join(folder, 'rules', 'a.yaml'))).toMatchObject({ commit: hash })
  })

  it('names the merge that brought a change into the branch', async () => {
    commit('Rules')
    git('checkout', '-q', '-b', 'change')
    write('rules/a.yaml', 'rule: b\n')
    commit('Another name')
    git('checkout', '-q', 'main')
    git('merge', '-q', '--no-ff', '-m', 'Merge pull request #45 from x/change', 'change')
    const merged = { commit: git('rev-parse', 'HEAD'), pullRequest: 45 }
    expect(await origin()).toMatchObject(merged)
  })

  it.each<[string, () => void]>([
    ['a changed rule', () => write('rules/a.yaml', 'rule: other\n')],
    ['a new rule', () => write('rules/deep/b.yaml', 'rule: b\n')],
    ['a rule that is gone', () => rmSync(join(folder, 'rules/a.yaml'))],
    ['a staged rule', () => (write('rules/c.yaml', 'rule: c\n'), git('add', '-A'))],
  ])('says that %s is not committed', async (_, change) => {
    const hash = commit('Rules')
    change()
    expect(await origin()).toMatchObject({ commit: hash, isDirty: true })
  })

  it('is not moved by changes outside the rules', async () => {
    commit('Rules')
    write('notes.txt', 'draft\n')
    expect(await origin()).toMatchObject({ isDirty: false })
  })

  it('gives rules that were never committed the commit they stand beside', async () => {
    write('README', 'first\n')
    git('add', 'README')
    git('commit', '-q', '-m', 'First (#1)')
    const head = git('rev-parse', 'HEAD')
    const fields = { commit: head, isDirty: true, pullRequest: null, approver: null }
    expect(await origin()).toEqual(fields)
  })

  it('follows a link into the checkout', async () => {
    const hash = commit('Rules')
    const link = join(folder, 'current')
    symlinkSync(join(folder, 'rules'), link)
    expect(await origin(link)).toMatchObject({ commit: hash })
  })

  it('takes file names as they are, whatever git could read into them', async () => {
    const odd = write('rules/:(top)x*.yaml', 'rule: x\n')
    const hash = commit('Odd (#9)')
    write('rules/a.yaml', 'rule: later\n')
    commit('Later (#10)')
    expect(await origin(odd)).toMatchObject({ commit: hash, pullRequest: 9 })
  })

  it('runs no program that the checkout names', async () => {
    const hash = commit('Rules')
    const mark = join(folder, 'ran')
    const program = write('program', `#!/bin/sh\ntouch ${mark}\n`)
    execFileSync('chmod', ['+x', program])
    git('config', 'core.fsmonitor', program)
    git('config', 'log.showSignature', 'true')
    git('config', 'gpg.program', program)
    expect(await origin()).toMatchObject({ commit: hash })
    expect(() => execFileSync('test', ['-e', mark])).toThrow()
  })

  it('is unknown before the first commit', async () => {
    expect(await origin()).toBeNull()
  })

  it('is unknown where paths lie in two checkouts', async () => {
    commit('Rules')
    const other = join(folder, 'other')
    mkdirSync(other)
    execFileSync('git', ['init', '-q', other], { env: { ...env, HOME: folder } })
    expect(await origin(join(folder, 'rules'), other)).toBeNull()
  })
})

describe('the origin of other rules', () => {
  it.each<[string, () => string]>([
    ['outside a checkout', () => join(write('rules/a.yaml', ''), '..')],
    ['that are not there', () => join(folder, 'none')],
  ])('is unknown %s', async (_, path) => {
    expect(await origin(path())).toBeNull()
  })

  it('is unknown without git, and when git takes too long', async () => {
    const path = join(write('rules/a.yaml', ''), '..')
    expect(await gitOrigin([path], gitRunner({ PATH: folder }))).toBeNull()
    const program = write('git', '#!/bin/sh\nexec sleep 60\n')
    execFileSync('chmod', ['+x', program])
    const slow = gitRunner({ PATH: `${folder}:${env.PATH ?? ''}` }, 100)
    expect(await gitOrigin([path], slow)).toBeNull()
  })

  it('is unknown when git answers the first question only', async () => {
    const path = join(write('rules/a.yaml', ''), '..')
    const run = (args: readonly string[]) =>
      Promise.resolve(args[0] === 'rev-parse' ? `${folder}\nabc\n` : undefined)
    expect(await gitOrigin([path], run)).toBeNull()
  })
})

describe('what a commit message says', () => {
  it.each<[string, number | null, string | null]>([
    ['Fix (#12)', 12, null],
    ['Fix (#12) and more', null, null],
    ['Merge pull request #7 from a/b\n\nTitle (#8)', 7, null],
    ['See #12', null, null],
    ['Fix\n\nReviewed-by: Ann', null, 'Ann'],
    ['Fix\n\nReviewed-by: Ann\n\nA later paragraph', null, null],
    [
      'Fix\n\napproved-BY:  Ann \nReviewed-by: Ann\nReviewed-by:\nReviewed-by: Bob',
      null,
      'Ann, Bob',
    ],
    ['Reviewed-by: Ann', null, null],
    ['Fix\n\nReviewed-by: \u001B[31mAnn\u202E', null, '␛[31mAnn⟨202E⟩'],
    ['', null, null],
  ])('%j', (message, pullRequest, approver) => {
    expect(changeOf(message)).toEqual({ pullRequest, approver })
  })

  it('cuts a long list of approvers', () => {
    const lines = Array.from({ length: 50 }, (_, i) => `Reviewed-by: Person ${i}`)
    expect(changeOf(`Fix\n\n${lines.join('\n')}`).approver).toHaveLength(200)
  })
})
