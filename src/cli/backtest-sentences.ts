import { counted } from './counted.ts'
import type { BacktestLine, SummaryLine } from '../rules/backtest-lines.ts'
import type { DifferenceLine, EpisodeFigures } from '../rules/backtest-diff.ts'
import type { Group } from '../model/group.ts'
import { instant } from './instant.ts'
import { oneLine } from './problems.ts'

/** For people: episodes when they are over, and the sum. */
export function sentence(line: BacktestLine): string | undefined {
  if (line.type === 'firing') return undefined
  if (line.type === 'summary') return sum(line)
  if (line.change !== 'settled') return undefined
  const interval = `${instant(line.start)} to ${instant(line.end)}`
  const figures = `${line.matches} matches, ${line.firings} firings, peak ${line.peak}`
  return `${interval}  ${line.rule}${groupText(line.group)}  ${line.severity}  ${figures}`
}

function sum({ events, matches, firings, episodes, skipped }: SummaryLine): string {
  const left = Object.entries(skipped).map(([reason, count]) => `, ${count} skipped: ${reason}`)
  const counts = [counted(events, 'event'), `${matches} matches`, counted(firings, 'firing')]
  return `${counts.join(', ')}, ${counted(episodes, 'episode')}${left.join('')}`
}

/** For people: a table of the differences between two rule sets. */
export function differenceTable(differences: readonly DifferenceLine[]): string[] {
  const rows = differences.map((line) => [
    SIGN[line.kind],
    line.kind,
    `${line.rule}${groupText(line.group)}`,
    ...figureCells(line.old, line.new),
  ])
  if (rows.length === 0) return []
  const table = [
    ['', '', 'rule', 'start', 'end', 'severity', 'matches', 'firings', 'peak'],
    ...rows,
  ]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

const SIGN: Readonly<Record<DifferenceLine['kind'], string>> = {
  gained: '+',
  lost: '-',
  moved: '~',
}

/** What stayed as it is, or `old → new`. */
function figureCells(old: EpisodeFigures | null, fresh: EpisodeFigures | null): string[] {
  const cell = (show: (figures: EpisodeFigures) => string): string => {
    const [before, after] = [old, fresh].map((figures) => figures && show(figures))
    if (before === null || before === undefined) return after ?? ''
    return after === null || after === undefined || after === before
      ? before
      : `${before} → ${after}`
  }
  return [
    cell(({ start }) => instant(start)),
    cell(({ end }) => instant(end)),
    cell(({ severity }) => severity),
    cell(({ matches }) => String(matches)),
    cell(({ firings }) => String(firings)),
    cell(({ peak }) => String(peak)),
  ]
}

function groupText(group: Group): string {
  const entries = Object.entries(group).map(([name, value]) => ` ${name}=${value}`)
  return oneLine(entries.join(''))
}
