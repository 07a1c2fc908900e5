import { canonicalJson, sha256Hex } from '../lib/canonical.ts'
import type { Effects } from '../model/commit.ts'

/**
 * SHA-256 over what the engine said in one entry, whatever the order it said it in: a replay whose
 * state lies in another order still agrees (design §4.1).
 */
export function effectsHash(effects: Effects): string {
  const parts = [effects.episodes, effects.slo, effects.ledger].map((list) =>
    list.map(canonicalJson).sort(),
  )
  return sha256Hex(JSON.stringify(parts))
}
