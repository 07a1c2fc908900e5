import { GelfEvent } from '../src/ingest/normalise/gelf-event.ts'
import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { median, parseRate, rateOf } from './measure.ts'
import { messageBlock } from './messages.ts'

/** Of `JSON.parse`. */
const FLOOR = 0.7

/** The scanner checks every byte as `JSON.parse` would and makes nothing; three fields are read. */
export const scan: Benchmark = {
  summary: 'scan of a message and three field reads, against JSON.parse',
  async run({ rounds }) {
    const block = messageBlock()
    const event = new GelfEvent()
    const found = await alternate(
      rounds,
      new Map([
        ['JSON.parse', () => parseRate(block)],
        ['scan', () => scanRate(block, event, [])],
        ['scan + 3 fields', () => scanRate(block, event, ['source', 'level', 'service'])],
        ['scan + hash', () => scanRate(block, event, [], true)],
      ]),
    )
    const yardstick = median(found.get('JSON.parse')!)
    const ratio = median(found.get('scan + 3 fields')!) / yardstick
    return {
      table: [...found].map(([name, rates]) => ({
        what: name,
        'messages per CPU-s': spread(rates, rate),
        'x JSON.parse': (median(rates) / yardstick).toFixed(2),
      })),
      figure: `scan + 3 fields is ${ratio.toFixed(2)} x JSON.parse`,
      shortfalls: shortfall('scan + 3 fields x JSON.parse', ratio, FLOOR),
    }
  },
}

function scanRate(
  block: ReturnType<typeof messageBlock>,
  event: GelfEvent,
  fields: readonly string[],
  withHash = false,
): number {
  let seen = 0
  const result = rateOf(block.offsets.length - 1, () => {
    for (let i = 0; i + 1 < block.offsets.length; i++) {
      const end = block.offsets[i + 1]! - 1
      const rejection = event.scan(block.bytes, block.offsets[i]!, end, 1_764_000_001_000)
      if (rejection !== undefined) throw new Error(`message ${i} was refused: ${rejection}`)
      for (const field of fields) if (event.get(field) !== undefined) seen++
      if (withHash) seen += event.hash()[0] & 1
    }
  })
  if (fields.length > 0 && seen === 0) throw new Error('no field was found')
  return result
}
