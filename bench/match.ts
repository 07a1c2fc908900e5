import { compileRuleset } from '../src/config/ruleset.ts'
import { GelfEvent } from '../src/ingest/normalise/gelf-event.ts'
import { MatchBuilder } from '../src/model/match-builder.ts'
import { createIndexedMatcher } from '../src/rules/matching/indexed-matcher.ts'
import { createPlainMatcher } from '../src/rules/matching/plain-matcher.ts'
import type { Benchmark } from './benchmark.ts'
import { alternate, rate, shortfall, spread } from './benchmark.ts'
import { median, parseRate, rateOf } from './measure.ts'
import { messageBlock } from './messages.ts'
import type { MessageBlock } from './messages.ts'
import { ruleFiles } from './rules.ts'

const SIZES = [10, 100, 1_000, 10_000] as const
/** A pass over all messages would take the plain matcher a quarter of a minute with the most rules. */
const MESSAGES = (size: number): number => (size >= 10_000 ? 1_000 : 8_000)
const MATCHERS = { plain: createPlainMatcher, indexed: createIndexedMatcher } as const

/** Of `JSON.parse`, indexed, by number of rules. */
const FLOORS: Record<(typeof SIZES)[number], number> = {
  10: 0.25,
  100: 0.2,
  1_000: 0.12,
  10_000: 0.005,
}

interface Matching {
  readonly perMessage: number
  /** Conditions asked per message. */
  readonly asked: number
  readonly rate: () => number
}

/** The plain matcher asks every rule about every event: the reference for the index. */
export const match: Benchmark = {
  summary: 'scan and match with 10 to 10,000 rules, plain and indexed, against JSON.parse',
  async run({ rounds }) {
    const block = messageBlock()
    const variants = new Map([['JSON.parse', () => parseRate(block)]])
    const matchings = new Map<string, Matching>()
    for (const size of SIZES) {
      for (const matcher of ['plain', 'indexed'] as const) {
        const name = nameOf(size, matcher)
        const one = matching(block, size, matcher)
        variants.set(name, one.rate)
        matchings.set(name, one)
      }
    }
    const found = await alternate(rounds, variants)
    const yardstick = median(found.get('JSON.parse')!)
    const ratio = (size: number): number => median(found.get(nameOf(size, 'indexed'))!) / yardstick
    return {
      table: [...found].map(([name, rates]) => ({
        rules: name,
        'messages per CPU-s': spread(rates, rate),
        'x JSON.parse': (median(rates) / yardstick).toFixed(3),
        'conditions asked per message': matchings.get(name)?.asked.toFixed(1) ?? '',
        'matches per message': matchings.get(name)?.perMessage.toFixed(3) ?? '',
      })),
      figure:
        SIZES.map((size) => `${size} rules ${ratio(size).toFixed(3)}`).join(', ') + ' x JSON.parse',
      shortfalls: SIZES.flatMap((size) =>
        shortfall(`${size} rules x JSON.parse`, ratio(size), FLOORS[size]),
      ),
    }
  },
}

function nameOf(size: number, matcher: keyof typeof MATCHERS): string {
  return `${size.toLocaleString('en')}, ${matcher}`
}

function matching(block: MessageBlock, size: number, which: keyof typeof MATCHERS): Matching {
  const documents = ruleFiles(size).map((text, i) => ({ file: `bench-${i}.yaml`, text }))
  const { ruleset, problems } = compileRuleset({ documents, inputs: {}, fields: {} })
  if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3)))
  const matcher = MATCHERS[which](ruleset, undefined, {})
  const event = new GelfEvent()
  const rows = new MatchBuilder()
  const count = MESSAGES(size)
  const pass = (): number => {
    let found = 0
    for (let i = 0; i < count; i++) {
      event.scan(block.bytes, block.offsets[i]!, block.offsets[i + 1]! - 1, 1_764_000_001_000)
      matcher.match(event, i, 0, rows)
      if (i % 100 === 99) found += rows.finish().rows.length
    }
    return found + rows.finish().rows.length
  }
  const perMessage = pass() / count
  const asked = matcher.asked / count
  return { perMessage, asked, rate: () => rateOf(count, () => void pass()) }
}
