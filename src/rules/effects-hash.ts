import { canonicalJson, sha256Hex } from '../lib/canonical.ts'
import type { Effects } from '../model/commit.ts'

/**
 * SHA-256 over what the engine said in one entry, whatever the order it said it in: a replay whose
 * state lies in another order still agrees (design §4.1).
 */
export function effectsHash(effects: Effects): string {
  const { episodes, slo, ledger, recomputes } = effects
  // Left out where there are none, so that entries of versions without them keep their hash.
  const lists = [episodes, slo, ledger, ...(recomputes.length > 0 ? [recomputes] : [])]
  const parts = lists.map((list) => list.map((one) => canonicalJson(one)).sort())
  return sha256Hex(JSON.stringify(parts))
}
