import { sha256Hex } from '../lib/canonical.ts'
import type { OpenKeyOf } from '../model/commit.ts'
import type { Mode } from '../model/episode.ts'

/**
 * Names the incidents that a change may concern: hash(mode, rule id, group key). The open key and
 * the dedup hash are the same text; an incident holds it as its open key only while it absorbs
 * episodes (design §5), and as its dedup hash for ever. The mode is part of it, so a drill or a
 * shadow rule never touches a real incident.
 */
export function openKeyOf(ruleMode: (ruleId: string) => Mode): OpenKeyOf {
  return (change) => {
    const { ruleId, groupKey } = change.episode
    const mode = ruleMode(ruleId)
    const hash = sha256Hex(JSON.stringify([mode, ruleId, groupKey]))
    return { openKey: hash, dedupHash: hash, mode }
  }
}
