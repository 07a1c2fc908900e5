import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openJournalWriter } from '../src/ingest/journal/sqlite-journal.ts'
import type { Slab } from '../src/model/slab.ts'
import { systemClock } from '../src/system-clock.ts'
import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { costOf, median, parseRate } from './measure.ts'
import type { Cost } from './measure.ts'
import { messageBlock } from './messages.ts'

/** About 64 KB: what one read of a socket delivers. */
const SLAB_RECORDS = 150
/** Slabs of one commit: alone, and what gathers while a commit runs under load. */
const GROUPS = [1, 4, 16] as const
const SLABS = 640

/** CPU of the journal, of `JSON.parse`: groups of 16. */
const FLOOR = 0.6

/** Slabs on disk: packed, checked, inserted, `synchronous=FULL`; nothing is read back. */
export const journal: Benchmark = {
  summary: 'durable appends of 64 KB slabs, against JSON.parse (CPU) and plain fdatasync (wall)',
  async run({ rounds }) {
    const block = messageBlock()
    const slabs = slabsOf(block)
    const parsed: number[] = []
    const found = await alternate(
      rounds,
      new Map<string, () => Cost>([
        ['write + fdatasync per slab, uncompressed', () => plainAppend(slabs)],
        ...GROUPS.map((group): [string, () => Cost] => [
          `journal, ${group} slabs a commit`,
          () => {
            parsed.push(parseRate(block))
            return append(slabs, group)
          },
        ]),
      ]),
    )
    const yardstick = median(parsed)
    const records = SLABS * SLAB_RECORDS
    const bytes = slabs.reduce((sum, slab) => sum + slab.bytes.length, 0)
    const perCpuS = (costs: readonly Cost[]): number[] => costs.map(({ cpuS }) => records / cpuS)
    const perWallS = (costs: readonly Cost[]): number[] => costs.map(({ wallS }) => records / wallS)
    const megabytes = (costs: readonly Cost[]): number[] =>
      costs.map(({ wallS }) => bytes / wallS / 1e6)
    const best = found.get(`journal, ${GROUPS.at(-1)!} slabs a commit`)!
    const ratio = median(perCpuS(best)) / yardstick
    return {
      table: [...found].map(([what, costs]) => ({
        what,
        'MB per wall s': spread(megabytes(costs), (value) => value.toFixed(0)),
        'records per wall s': spread(perWallS(costs), rate),
        'records per CPU-s': spread(perCpuS(costs), rate),
        'x JSON.parse': (median(perCpuS(costs)) / yardstick).toFixed(2),
      })),
      figure: `${median(megabytes(best)).toFixed(0)} MB/s and ${rate(median(perWallS(best)))} records/s durable, ${ratio.toFixed(2)} x JSON.parse per CPU-s`,
      shortfalls: shortfall('records per CPU-s x JSON.parse', ratio, FLOOR),
    }
  },
}

function slabsOf(block: ReturnType<typeof messageBlock>): readonly Slab[] {
  const messages = block.offsets.length - 1
  return Array.from({ length: SLABS }, (_, seq): Slab => {
    const from = (seq * SLAB_RECORDS) % (messages - SLAB_RECORDS)
    const base = block.offsets[from]!
    const offsets = block.offsets.slice(from, from + SLAB_RECORDS + 1).map((at) => at - base)
    const bytes = new Uint8Array(block.bytes.subarray(base, base + offsets[SLAB_RECORDS]!))
    return { partition: 'tcp@1', thread: 0, seq, bytes, offsets, receivedMs: systemClock() }
  })
}

function append(slabs: readonly Slab[], group: number): Cost {
  return inFolder((folder) => {
    const writer = openJournalWriter({ folder, report: () => undefined, clock: systemClock })
    try {
      return costOf(() => {
        for (let i = 0; i < slabs.length; i += group) writer.append(slabs.slice(i, i + group))
      })
    } finally {
      writer.close()
    }
  })
}

function plainAppend(slabs: readonly Slab[]): Cost {
  return inFolder((folder) => {
    const file = openSync(join(folder, 'plain'), 'a')
    try {
      return costOf(() => {
        for (const { bytes } of slabs) {
          writeSync(file, bytes)
          fdatasyncSync(file)
        }
      })
    } finally {
      closeSync(file)
    }
  })
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
