import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { loaded, logged } from './checkpoint-builders.ts'
import { linesUntilKilled } from './kill-child.ts'

const CHILD = fileURLToPath(new URL('checkpoint-child.ts', import.meta.url))

it('finds a complete checkpoint with newer buckets at most after each of 10 kill -9', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-checkpoint-'))
  const file = join(folder, 'tocsin.db')
  let acknowledged = 0
  for (let kill = 0; kill < 10; kill++) {
    const lines = await linesUntilKilled(CHILD, [file], 1 + ((kill * 5) % 7))
    expect(Number(lines.at(-1))).toBeGreaterThan(acknowledged)
    acknowledged = Number(lines.at(-1))
    const store = await openSqliteStore({ file })
    const { time, buckets } = await loaded(store)
    const complete = time!.watermarks['cycle']!
    expect(complete - acknowledged).toBeOneOf([0, 1])
    const { checkpointNext, nextNo } = await store.claim('test', 0)

    const saved = buckets.map(({ blob, no }) => {
      const said = JSON.parse(Buffer.from(blob).toString()) as Record<string, number>
      expect(said['no']).toBe(no)
      if (said['cycle'] === complete) expect(said['began']).toBe(checkpointNext)
      else expect(said['cycle']).toBe(complete + 1)
      return said['cycle']! - complete
    })
    // Buckets of one call share their fate, and calls come in order.
    const parts = [saved.slice(0, 3), saved.slice(3, 6), saved.slice(6)]
    for (const part of parts) expect(part).toEqual([part[0], part[0], part[0]])
    const ahead = parts.map((part) => part[0])
    expect(ahead).toEqual([...ahead].sort((a, b) => b! - a!))
    expect(ahead.at(-1)).toBe(0)
    // Everything from its place on can be run again.
    expect(await logged(store, 0)).toEqual(
      Array.from({ length: nextNo - checkpointNext }, (_, i) => checkpointNext + i),
    )
    await store.close()
  }
  await rm(folder, { recursive: true })
}, 60_000)
