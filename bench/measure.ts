/**
 * How the benchmarks measure. The machine is shared and noisy, so figures are per CPU-second of
 * the process measured, taken in alternated rounds, and told as the median and as a ratio to
 * `JSON.parse` of the same messages in the same run.
 */
import { readFileSync } from 'node:fs'

import type { MessageBlock } from './messages.ts'

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Nearest rank: the smallest value that `share` of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('no values to take a percentile of')
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

/** Seconds that something took, of processor time and on the wall. */
export interface Cost {
  readonly cpuS: number
  readonly wallS: number
}

/** What `work` costs this process, garbage collection in other threads included. */
export function costOf(work: () => void): Cost {
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  work()
  const wallS = (performance.now() - startMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { cpuS: (user + system) / 1e6, wallS }
}

/** Ticks per second in /proc/…/stat: 100 on every Linux that Node runs on. */
const TICKS = 100

/** CPU-seconds that a process has used so far, user and system, all its threads. */
export function cpuSecondsOf(pid: number): number {
  return cpuOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

function cpuOfStat(stat: string): number {
  // The name in parentheses may hold blanks; after it the fields count from 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Runs `work` on `count` items until about `cpuS` are used; items per CPU-second. */
export function rateOf(count: number, work: () => void, cpuS = 0.5): number {
  let used = 0
  let items = 0
  do {
    used += costOf(work).cpuS
    items += count
  } while (used < cpuS)
  return items / used
}

/** The yardstick: messages that `JSON.parse` reads from bytes per CPU-second, decoding included. */
export function parseRate(block: MessageBlock): number {
  let keys = 0
  const rate = rateOf(block.offsets.length - 1, () => {
    for (let i = 0; i + 1 < block.offsets.length; i++) {
      const text = block.bytes.toString('utf8', block.offsets[i], block.offsets[i + 1]! - 1)
      const value = JSON.parse(text) as { readonly version: string }
      keys += value.version.length
    }
  })
  if (keys === 0) throw new Error('the messages have no version')
  return rate
}
