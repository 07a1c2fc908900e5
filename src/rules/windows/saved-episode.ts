import type { EpisodeFlag } from '../../model/episode.ts'
import type { GroupKey } from '../../model/group.ts'
import { SEVERITIES } from '../../model/severity.ts'
import type { Rule } from '../rule.ts'
import { OpenEpisode } from './open-episode.ts'
import type { Mark } from './open-episode.ts'
import type { PartitionIndex } from './partition-index.ts'
import type { RecordMark } from './record-names.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'

/** By bit, lowest first. */
const FLAGS: readonly EpisodeFlag[] = ['approximate', 'capped']

/** Tells the index which partitions the episodes name. */
export function usePartitions(episodes: readonly OpenEpisode[], index: PartitionIndex): void {
  for (const { first, last, earliest } of episodes) {
    index.use(first.partition)
    index.use(last.partition)
    index.use(earliest.partition)
  }
}

/** Writes the unsettled episodes of one group, which are in order of their start. */
export function writeEpisodes(
  episodes: readonly OpenEpisode[],
  to: StateWriter,
  index: PartitionIndex,
): void {
  to.u32(episodes.length)
  for (const episode of episodes) {
    to.text(episode.id)
    to.text(episode.ruleRev)
    to.text(episode.openedRef)
    // Only the order within the group means anything.
    to.u32(episodes.filter(({ order }) => order < episode.order).length)
    to.u8(episode.state === 'open' ? 0 : 1)
    to.u8(SEVERITIES.indexOf(episode.severity))
    to.u8(FLAGS.reduce((bits, flag, i) => bits | (episode.flags.has(flag) ? 1 << i : 0), 0))
    to.f64(episode.startMs)
    to.f64(episode.endMs)
    to.f64(episode.matches)
    to.f64(episode.firings)
    to.f64(episode.peak)
    to.f64(episode.value)
    writeMark(episode.first, to, index)
    writeMark(episode.last, to, index)
    to.u16(index.placeOf(episode.earliest.partition))
    to.f64(episode.earliest.position)
  }
}

export function readEpisodes(
  from: StateReader,
  holder: { readonly rule: Rule; readonly groupKey: GroupKey },
  partitions: readonly number[],
): OpenEpisode[] {
  return Array.from({ length: from.u32() }, () => readEpisode(from, holder, partitions))
}

function readEpisode(
  from: StateReader,
  holder: { readonly rule: Rule; readonly groupKey: GroupKey },
  partitions: readonly number[],
): OpenEpisode {
  const id = from.text()
  const ruleRev = from.text()
  const ref = from.text()
  const order = from.u32()
  const state = from.u8() === 0 ? 'open' : 'cleared'
  const severity = SEVERITIES[from.u8()]!
  const flags = from.u8()
  const [startMs, endMs, matches] = [from.f64(), from.f64(), from.f64()]
  const [firings, peak, value] = [from.f64(), from.f64(), from.f64()]
  const first = readMark(from, partitions)
  const episode = new OpenEpisode(holder.rule, {
    id,
    ruleRev,
    groupKey: holder.groupKey,
    ref,
    order,
    firing: { ...first, value },
    severity,
  })
  Object.assign(episode, { state, startMs, endMs, matches, firings, peak })
  Object.assign(episode.last, readMark(from, partitions))
  episode.earliest.partition = partitions[from.u16()]!
  episode.earliest.position = from.f64()
  for (const [i, flag] of FLAGS.entries()) if ((flags & (1 << i)) !== 0) episode.flags.add(flag)
  return episode
}

function writeMark(mark: RecordMark, to: StateWriter, index: PartitionIndex): void {
  to.f64(mark.timeMs)
  to.u32(mark.hashHigh)
  to.u32(mark.hashLow)
  to.u16(index.placeOf(mark.partition))
  to.f64(mark.position)
}

function readMark(from: StateReader, partitions: readonly number[]): Mark {
  return {
    timeMs: from.f64(),
    hashHigh: from.u32(),
    hashLow: from.u32(),
    partition: partitions[from.u16()]!,
    position: from.f64(),
  }
}
