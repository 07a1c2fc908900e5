/** The real service as a process of its own, in a folder of its own, with GELF inputs by name. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { HTTP_CONFIG, TEST_TOKEN } from '../test/support/service-api.ts'
import { serviceFolder, startService } from '../test/support/service.ts'
import type { RunningService } from '../test/support/service.ts'

export const INPUTS = ['tcp', 'udp', 'http'] as const

const INPUT_LINES = INPUTS.map(
  // Those that nobody sends to must not hold back the watermark of the others for long.
  (name) => `  - { name: ${name}, type: gelf-${name}, listen: "127.0.0.1:0", idle_after: 2s }`,
)

/** A service of a benchmark, and what it has done so far as its own database tells. */
export interface BenchService {
  readonly running: RunningService
  /** Records accepted, journalled, evaluated and committed. */
  committed(): number
  /** Ends it at once (`kill -9`) and keeps its folder. */
  kill(): Promise<void>
  /** Ends it at once and removes its folder. */
  end(): Promise<void>
}

/** Starts it on one of {@link benchFolder}'s. */
export async function startBenchService(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchService> {
  const running = await startService(folder, env)
  // Asking the database costs the service nothing; asking its API would be charged to it.
  const database = new DatabaseSync(join(folder, 'data', 'tocsin.db'), { readOnly: true })
  const committed = database.prepare('SELECT coalesce(sum(next), 0) AS n FROM partition')
  const kill = async (): Promise<void> => {
    database.close()
    await running.stop('SIGKILL')
  }
  return {
    running,
    committed: () => Number(committed.get()!['n']),
    kill,
    async end() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A folder with the configuration and these rules. */
export function benchFolder(rules: string, more = ''): string {
  const config = `inputs:\n${INPUT_LINES.join('\n')}\n${HTTP_CONFIG}\n${more}`
  return serviceFolder({ 'tocsin.yaml': config, 'rules/bench.yaml': rules })
}

/**
 * Waits until `count` records are committed, or nothing has come for `patienceMs`; resolves with
 * the number committed.
 */
export async function untilCommitted(
  service: BenchService,
  count: number,
  patienceMs: number,
): Promise<number> {
  let before = service.committed()
  let sinceMs = performance.now()
  while (before < count && performance.now() - sinceMs < patienceMs) {
    await new Promise((resolve) => void setTimeout(resolve, 10))
    const now = service.committed()
    if (now > before) sinceMs = performance.now()
    before = now
  }
  return before
}

/**
 * Waits until `count` groups have state, over all rules, or `patienceMs` have passed; resolves with
 * their number. The API tells what was so within the last second.
 */
export async function untilLiveKeys(
  service: BenchService,
  count: number,
  patienceMs: number,
): Promise<number> {
  const sinceMs = performance.now()
  for (;;) {
    const keys = await liveKeys(service)
    if (keys >= count || performance.now() - sinceMs >= patienceMs) return keys
    await new Promise((resolve) => void setTimeout(resolve, 200))
  }
}

async function liveKeys({ running }: BenchService): Promise<number> {
  const headers = { authorization: `Bearer ${TEST_TOKEN}` }
  const response = await fetch(`${running.url}/api/v1/rules`, { headers })
  if (!response.ok) throw new Error(`/api/v1/rules answered ${response.status}`)
  const { items } = (await response.json()) as { items: readonly { groups: number | null }[] }
  return items.reduce((sum, { groups }) => sum + (groups ?? 0), 0)
}
