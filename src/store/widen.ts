import type { Episode } from '../model/episode.ts'
import { maxSeverity } from '../model/severity.ts'

/**
 * A stored episode after an engine's episode that adopted it was seen again: it covers both, and
 * counts the most that either saw (the engine may have seen the same events before).
 */
export function widened(stored: Episode, said: Episode): Episode {
  const covered = covering(stored, said)
  return {
    ...covered,
    ruleRev: said.ruleRev,
    state: said.state,
    value: said.value,
    matches: Math.max(stored.matches, said.matches),
    firings: Math.max(stored.firings, said.firings),
  }
}

/** A surviving episode over the interval of one that it absorbed; its counts come from the engine. */
export function covering(survivor: Episode, absorbed: Episode): Episode {
  return {
    ...survivor,
    startMs: Math.min(survivor.startMs, absorbed.startMs),
    endMs: Math.max(survivor.endMs, absorbed.endMs),
    peak: Math.max(survivor.peak, absorbed.peak),
    severity: maxSeverity(survivor.severity, absorbed.severity),
    firstRef: absorbed.startMs < survivor.startMs ? absorbed.firstRef : survivor.firstRef,
    lastRef: absorbed.endMs >= survivor.endMs ? absorbed.lastRef : survivor.lastRef,
    flags: [...new Set([...survivor.flags, ...absorbed.flags])].sort(),
  }
}
