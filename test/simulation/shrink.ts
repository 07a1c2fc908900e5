import type { Action } from './nemesis.ts'
import { runSeed } from './run-seed.ts'

/**
 * Drops actions from a failing seed's plan while it still fails: halves first, then smaller
 * parts, then one by one. The first complaint may change on the way; that it fails may not.
 */
export async function shrink(
  seed: number,
  told: (line: string) => void,
): Promise<{ readonly plan: readonly Action[]; readonly failures: readonly string[] }> {
  const first = await runSeed(seed)
  let { plan, failures } = first
  if (failures.length === 0) return { plan, failures }
  for (let size = Math.ceil(plan.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < plan.length;) {
      const without = plan.filter((_, i) => i < at || i >= at + size)
      const result = await runSeed(seed, { plan: without })
      if (result.failures.length === 0) {
        at += size
        continue
      }
      plan = without
      failures = result.failures
      told(`${plan.length} actions left`)
    }
  }
  return { plan, failures }
}
