import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

it('a reader that has seen enough ends a command quietly', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-pipe-'))
  try {
    const record = JSON.stringify({ version: '1.1', host: 'h', short_message: 'm', timestamp: 1 })
    writeFileSync(join(folder, 'events.jsonl'), `${record}\n`.repeat(200_000))
    const command = `"$1" "$2" query _exists_:message --events events.jsonl --json | head -n 1`
    const { stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, MAIN], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(stdout).toBe('{"query":0,"event":0}\n')
    expect(stderr).toBe('')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
