/** Rules in a git checkout: API, log and database say which commit is in force (design §4.1). */
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, expect, it } from 'vitest'

import { HTTP_CONFIG, TEST_TOKEN } from '../support/service-api.ts'
import { serviceFolder, startService } from '../support/service.ts'
import type { RunningService } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const CONFIG = `
data: data
rules: [rules]
inputs:
  - { name: web, type: gelf-http, listen: "127.0.0.1:0" }
${HTTP_CONFIG}
`

let folder: string
let service: RunningService | undefined

afterEach(async () => {
  await service?.stop('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function rule(title: string): string {
  return `rule: each\ntitle: ${title}\nseverity: low\nwhere: _exists_:user\nmatch: {}\n`
}

function git(...args: readonly string[]): string {
  const who = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.org']
  const settings = [...who, '-c', 'commit.gpgSign=false', '-c', 'init.defaultBranch=main']
  const cwd = join(folder, 'rules')
  return execFileSync('git', [...settings, ...args], { cwd, encoding: 'utf8' }).trim()
}

function commit(message: string): string {
  git('add', '-A')
  git('commit', '-q', '-m', message)
  return git('rev-parse', 'HEAD')
}

interface Ruleset {
  readonly hash: string
  readonly origin: Readonly<Record<string, unknown>> | null
}

async function active(running: RunningService): Promise<Ruleset | null> {
  const headers = { authorization: `Bearer ${TEST_TOKEN}` }
  const response = await fetch(`${running.url}/api/v1/rules`, { headers })
  expect(response.status).toBe(200)
  return ((await response.json()) as { ruleset: Ruleset | null }).ruleset
}

it('names the commit of the rules in force, over a reload', async () => {
  folder = serviceFolder({ 'tocsin.yaml': CONFIG, 'rules/all.yaml': rule('Every event') })
  git('init', '-q')
  const first = commit('Watch everything (#41)\n\nReviewed-by: Bob <bob@example.org>')
  service = await startService(folder)
  const running = service
  const before = await waitFor(
    'the first rule set',
    async () => (await active(running)) ?? undefined,
  )
  const origin = {
    commit: first,
    isDirty: false,
    pullRequest: 41,
    approver: 'Bob <bob@example.org>',
  }
  expect(before.origin).toEqual(origin)

  writeFileSync(join(folder, 'rules', 'all.yaml'), rule('Each event'))
  const edited = await waitFor('the edit', async () => {
    const now = await active(running)
    return now === null || now.hash === before.hash ? undefined : now
  })
  expect(edited.origin).toEqual({ ...origin, isDirty: true })

  // Nothing but the commit changes: it is found without a reload.
  const second = commit('Say each (#42)')
  const committed = await waitFor('the commit', async () => {
    const now = await active(running)
    return now?.origin?.['pullRequest'] === 42 ? now : undefined
  })
  expect(committed.hash).toBe(edited.hash)
  expect(committed.origin).toEqual({
    commit: second,
    isDirty: false,
    pullRequest: 42,
    approver: null,
  })
  const line = running.log.findLast(({ occurrence }) => occurrence === 'rules.activated')
  expect(line).toMatchObject({ hash: committed.hash, commit: second, pullRequest: 42 })
  await running.stop()
  service = undefined

  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  const row = database
    .prepare('SELECT git_commit, is_dirty, pull_request, approver FROM ruleset WHERE hash = ?')
    .get(committed.hash)
  database.close()
  expect({ ...row }).toEqual({ git_commit: second, is_dirty: 0, pull_request: 42, approver: null })
})
