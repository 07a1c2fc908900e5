import { compileRuleset } from '../../src/config/ruleset.ts'
import { hash64 } from '../../src/lib/hash64.ts'
import type { EventView } from '../../src/model/event.ts'
import { PlainEvent } from '../../src/model/plain-event.ts'
import { Backtest } from '../../src/rules/backtest.ts'
import type { BacktestLine } from '../../src/rules/backtest-lines.ts'
import { createIndexedMatcher } from '../../src/rules/matching/indexed-matcher.ts'

export type FiringLine = BacktestLine & { readonly type: 'firing' }
export type EpisodeLine = BacktestLine & { readonly type: 'episode' }

/** Runs native rules over events in their order of arrival, as `tocsin backtest` does. */
export async function backtestOf(
  rules: string,
  reorderMs: number,
  eachEvent: (onEvent: (event: EventView) => void) => unknown,
): Promise<{ readonly firings: FiringLine[]; readonly settled: EpisodeLine[] }> {
  const documents = [{ file: 'rules.yaml', text: rules }]
  const { ruleset, problems } = compileRuleset({ documents, inputs: {}, fields: {} })
  const errors = problems.filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'))
  const firings: FiringLine[] = []
  const settled: EpisodeLine[] = []
  const backtest = new Backtest({
    ruleset,
    matcherFor: (running) => createIndexedMatcher(running, undefined, {}),
    reorderMs,
    onLine(line) {
      if (line.type === 'firing') firings.push(line)
      if (line.type === 'episode' && line.change === 'settled') settled.push(line)
    },
  })
  await eachEvent((event) => backtest.event(event))
  backtest.finish()
  return { firings, settled }
}

/** An event with these fields; those that are null are missing. */
export function plainEvent(
  timeMs: number,
  fields: Readonly<Record<string, string | number | null>>,
): PlainEvent {
  const present = Object.entries(fields).filter((entry) => entry[1] !== null)
  const hash = hash64(new TextEncoder().encode(JSON.stringify(fields)))
  return new PlainEvent({
    fields: new Map(present as [string, string | number][]),
    timeMs,
    receivedMs: timeMs,
    hash,
  })
}
