import { derivedName } from '../../lib/canonical.ts'
import type { Episode, EpisodeChange } from '../../model/episode.ts'
import type { Group } from '../../model/group.ts'
import { groupKey } from '../../model/group.ts'
import type { Severity } from '../../model/severity.ts'

/** Something that Tocsin tells of itself or of its inputs, as one of its own rules does. */
export interface SystemFinding {
  readonly ruleId: string
  /** What tells it apart from others of the rule; the same again is the same episode. */
  readonly name: readonly string[]
  readonly group: Group
  readonly startMs: number
  readonly endMs: number
  /** What the incident shows as its value. */
  readonly value: number
  /** Default: the value. */
  readonly matches?: number
  /** Default `high`. */
  readonly severity?: Severity
  /** Records that it is about; default the two times. */
  readonly firstRef?: string
  readonly lastRef?: string
}

/** The open episode of a finding: one firing, and no rule's text behind it. */
export function systemEpisode(finding: SystemFinding): Episode {
  const { ruleId, name, group, startMs, endMs, value, matches = value } = finding
  const { severity = 'high', firstRef = `t:${startMs}`, lastRef = `t:${endMs}` } = finding
  return {
    id: derivedName(ruleId, ...name),
    ruleId,
    ruleRev: 'system',
    group,
    groupKey: groupKey(Object.values(group)),
    state: 'open',
    startMs,
    endMs,
    matches,
    firings: 1,
    peak: value,
    value,
    severity,
    openedRef: firstRef,
    firstRef,
    lastRef,
    flags: [],
  }
}

/**
 * A finding that is over when it is known: the incident stays for people, its signal is clear.
 * `quietMs`: one of the same group that is not longer ago goes on in the same episode (I5).
 */
export function toldAtOnce(finding: SystemFinding, atMs: number, quietMs = 0): EpisodeChange[] {
  const episode = systemEpisode(finding)
  return [
    { change: 'opened', episode, atMs, quietMs },
    { change: 'settled', episode: { ...episode, state: 'settled' }, atMs, quietMs },
  ]
}
