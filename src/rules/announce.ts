import type { EpisodeChange } from '../model/episode.ts'
import type { RebuiltEpisode } from './rebuild.ts'

/** How many episodes an edit gained, lost or moved, against what its rules had open before. */
export interface EditDifference {
  gained: number
  lost: number
  moved: number
  same: number
}

/**
 * What an activation tells when rules were rebuilt (I8): each unsettled episode once as opened,
 * which adopts the stored one that it carries on (I5); and of what the former text had open only
 * those as settled that nothing carries on. Not among `heard` are rules whose former episodes were
 * told in another mode: nothing can adopt those.
 */
export function announce(
  told: readonly EpisodeChange[],
  rebuilt: readonly RebuiltEpisode[],
  heard: ReadonlySet<string>,
): { readonly changes: readonly EpisodeChange[]; readonly difference: EditDifference } {
  const difference: EditDifference = { gained: 0, lost: 0, moved: 0, same: 0 }
  const byGroup = new Map<string, { readonly one: RebuiltEpisode; carries: EpisodeChange[] }[]>()
  for (const one of rebuilt) {
    const key = nameOf(one.episode)
    byGroup.set(key, [...(byGroup.get(key) ?? []), { one, carries: [] }])
  }
  const ended = told.filter((change) => {
    if (change.change !== 'settled' || change.cause !== 'edit') return true
    const carriers = (byGroup.get(nameOf(change.episode)) ?? []).filter(
      ({ one }) => heard.has(change.episode.ruleId) && reaches(one, change.episode),
    )
    for (const { carries } of carriers) carries.push(change)
    if (carriers.length === 0) difference.lost++
    return carriers.length === 0
  })
  for (const { one, carries } of [...byGroup.values()].flat()) {
    const { startMs, endMs } = one.episode
    const isAlike = ({ episode }: EpisodeChange): boolean =>
      episode.startMs === startMs && episode.endMs === endMs
    if (carries.length === 0) difference.gained++
    else if (carries.some(isAlike)) difference.same++
    else difference.moved++
  }
  const opened = rebuilt.map(({ episode, quietMs }): EpisodeChange => {
    return { change: 'opened', episode, atMs: episode.startMs, quietMs, cause: 'edit' }
  })
  return { changes: [...opened, ...ended], difference }
}

/** By the rule that the store adopts by: the intervals meet when widened by the quiet period. */
function reaches(
  { episode: { startMs, endMs }, quietMs }: RebuiltEpisode,
  former: EpisodeChange['episode'],
): boolean {
  return former.startMs <= endMs + quietMs && former.endMs >= startMs - quietMs
}

function nameOf({ ruleId, groupKey }: EpisodeChange['episode']): string {
  return JSON.stringify([ruleId, groupKey])
}
