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

/** Long enough to tell two answers of one rule apart. */
const RULE_HASH_CHARS = 12

/**
 * The same for each rule and, as `slo:id`, each objective that said something: where two answers
 * differ, these tell which of them they are about (I13).
 */
export function ruleHashes(effects: Effects): Record<string, string> {
  const said = new Map<string, string[]>()
  const note = (name: string, what: object): void => {
    const list = said.get(name)
    if (list === undefined) said.set(name, [canonicalJson(what)])
    else list.push(canonicalJson(what))
  }
  for (const change of effects.episodes) note(change.episode.ruleId, change)
  for (const delta of effects.ledger) note(delta.ruleId, delta)
  for (const recompute of effects.recomputes) note(recompute.ruleId, recompute)
  for (const delta of effects.slo) note(`slo:${delta.slo}`, delta)
  const hashes: Record<string, string> = {}
  for (const name of [...said.keys()].sort()) {
    const text = JSON.stringify(said.get(name)!.sort())
    hashes[name] = sha256Hex(text).slice(0, RULE_HASH_CHARS)
  }
  return hashes
}
