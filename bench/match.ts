import { compileRuleset } from '../src/config/ruleset.ts'
import { GelfEvent } from '../src/ingest/normalise/gelf-event.ts'
import { MatchBuilder } from '../src/model/match-builder.ts'
import { createMatcher } from '../src/rules/matching/plain-matcher.ts'
import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { median, parseRate, rateOf } from './measure.ts'
import { messageBlock } from './messages.ts'
import type { MessageBlock } from './messages.ts'
import { ruleFile } from './rules.ts'

const SIZES = [10, 100, 1_000] as const
/** Of `JSON.parse`, by number of rules. The index of a later issue has to lift the last one. */
const FLOORS: Record<(typeof SIZES)[number], number> = { 10: 0.3, 100: 0.15, 1_000: 0.02 }

/** The plain matcher asks every rule about every event: the reference, not the goal. */
export const match: Benchmark = {
  summary: 'scan and plain matcher with 10, 100 and 1,000 rules, against JSON.parse',
  async run({ rounds }) {
    const block = messageBlock()
    const variants = new Map([['JSON.parse', () => parseRate(block)]])
    const matches = new Map<string, number>()
    for (const size of SIZES) {
      const one = matching(block, size)
      variants.set(String(size), one.rate)
      matches.set(String(size), one.perMessage)
    }
    const found = await alternate(rounds, variants)
    const yardstick = median(found.get('JSON.parse')!)
    const ratio = (size: number): number => median(found.get(String(size))!) / yardstick
    return {
      table: [...found].map(([name, rates]) => ({
        rules: name,
        'messages per CPU-s': spread(rates, rate),
        'x JSON.parse': (median(rates) / yardstick).toFixed(3),
        'matches per message': matches.get(name)?.toFixed(3) ?? '',
      })),
      figure:
        SIZES.map((size) => `${size} rules ${ratio(size).toFixed(3)}`).join(', ') + ' x JSON.parse',
      shortfalls: SIZES.flatMap((size) =>
        shortfall(`${size} rules x JSON.parse`, ratio(size), FLOORS[size]),
      ),
    }
  },
}

function matching(
  block: MessageBlock,
  size: number,
): { readonly rate: () => number; readonly perMessage: number } {
  const documents = [{ file: 'bench.yaml', text: ruleFile(size) }]
  const { ruleset, problems } = compileRuleset({ documents, inputs: {}, fields: {} })
  if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3)))
  const matcher = createMatcher(ruleset, undefined, {})
  const event = new GelfEvent()
  const rows = new MatchBuilder()
  const pass = (): number => {
    let found = 0
    for (let i = 0; i + 1 < block.offsets.length; i++) {
      event.scan(block.bytes, block.offsets[i]!, block.offsets[i + 1]! - 1, 1_764_000_001_000)
      matcher.match(event, i, 0, rows)
      if (i % 100 === 99) found += rows.finish().rows.length
    }
    return found + rows.finish().rows.length
  }
  const count = block.offsets.length - 1
  return { perMessage: pass() / count, rate: () => rateOf(count, () => void pass()) }
}
