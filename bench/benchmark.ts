import { median } from './measure.ts'

/** One thing that is measured, by name: `npm run bench -- NAME`. */
export interface Benchmark {
  /** What it measures, in a line. */
  readonly summary: string
  run(options: { readonly rounds: number }): Promise<Outcome>
}

/** What a benchmark found. */
export interface Outcome {
  readonly table: readonly Row[]
  /** The closing line: the figure people remember. */
  readonly figure: string
  /** Why it falls short of its floor; empty when it holds. */
  readonly shortfalls: readonly string[]
}

export type Row = Readonly<Record<string, string>>

/** Runs every variant once per round, one after the other, so that noise meets all alike. */
export async function alternate<T>(
  rounds: number,
  variants: ReadonlyMap<string, () => T | Promise<T>>,
): Promise<ReadonlyMap<string, readonly T[]>> {
  const found = new Map<string, T[]>([...variants.keys()].map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of variants) {
      found.get(name)!.push(await run())
      process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`)
    }
  }
  return found
}

/** `why` when the figure is below the floor, as a list to be joined to others. */
export function shortfall(what: string, figure: number, floor: number): readonly string[] {
  if (figure >= floor) return []
  return [`${what} is ${figure.toFixed(3)}, below the floor of ${floor}`]
}

/** Median, with the least and the greatest when there are several. */
export function spread(values: readonly number[], show: (value: number) => string): string {
  if (values.length === 1) return show(values[0]!)
  return `${show(median(values))} [${show(Math.min(...values))}..${show(Math.max(...values))}]`
}

/** A rate as people read it: `1.23 M`, `45.6 k`. */
export function rate(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} k` : value.toFixed(0)
}

/** A table as Markdown, the same on the terminal and in RESULTS.md. */
export function markdown(table: readonly Row[]): string {
  const columns = [...new Set(table.flatMap((row) => Object.keys(row)))]
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...table.map((row) => line(columns.map((column) => row[column] ?? ''))),
  ].join('\n')
}
