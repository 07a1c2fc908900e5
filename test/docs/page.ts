import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'reference')

/** A page of `docs/reference` taken apart as far as its test needs. */
export interface Page {
  readonly text: string
  readonly tables: readonly Table[]
  readonly blocks: readonly Block[]
  /** Both, in the order of the page. */
  readonly parts: readonly (Table | Block)[]
}

/** One fenced block. */
export interface Block {
  /** The heading above it. */
  readonly heading: string
  readonly language: string
  readonly code: string
}

/** One table: rows by column name, as written. */
export interface Table {
  /** The heading above it. */
  readonly heading: string
  readonly columns: readonly string[]
  readonly rows: readonly Readonly<Record<string, string>>[]
}

/** Reads a page by its name, such as `rules`. */
export function readPage(name: string): Page {
  const text = readFileSync(join(FOLDER, `${name}.md`), 'utf8')
  const tables: { heading: string; columns: string[]; rows: Record<string, string>[] }[] = []
  const blocks: Block[] = []
  const parts: (Table | Block)[] = []
  let heading = ''
  let table: (typeof tables)[number] | undefined
  let block: { language: string; lines: string[] } | undefined
  for (const line of text.split('\n')) {
    const fence = /^```(\w*)$/.exec(line)
    if (block !== undefined) {
      if (fence === null) block.lines.push(line)
      else {
        blocks.push({ heading, language: block.language, code: `${block.lines.join('\n')}\n` })
        parts.push(blocks.at(-1)!)
        block = undefined
      }
      continue
    }
    if (fence !== null) block = { language: fence[1]!, lines: [] }
    if (/^#+ /.test(line)) heading = line.replace(/^#+ /, '')
    const cells = cellsOf(line)
    if (cells === undefined) table = undefined
    else if (table === undefined) {
      table = { heading, columns: cells, rows: [] }
      tables.push(table)
      parts.push(table)
    } else if (!cells.every((cell) => /^-+$/.test(cell))) {
      const { columns } = table
      if (cells.length !== columns.length) throw new Error(`${name}.md: ${line} has another width`)
      table.rows.push(Object.fromEntries(columns.map((column, i) => [column, cells[i]!])))
    }
  }
  return { text, tables, blocks, parts }
}

/** Every row of the tables whose first columns are these, in the order of the page. */
export function rowsOf(page: Page, ...columns: readonly string[]): Table['rows'] {
  const found = page.tables.filter((table) => columns.every((name, i) => table.columns[i] === name))
  if (found.length === 0) throw new Error(`no table with the columns ${columns.join(', ')}`)
  return found.flatMap(({ rows }) => rows)
}

/** What stands between the backticks of a cell, each; the cell must hold at least one. */
export function codesIn(cell: string): string[] {
  const codes = [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
  if (codes.length === 0) throw new Error(`the cell "${cell}" names nothing in backticks`)
  return codes
}

export function codeIn(cell: string): string {
  return codesIn(cell)[0]!
}

/** `undefined` for a line that is no row of a table. A pipe in a cell is written `\|`. */
function cellsOf(line: string): string[] | undefined {
  if (!/^\|.*\|$/.test(line)) return undefined
  const cells = line.slice(1, -1).split(/(?<!\\)\|/)
  return cells.map((cell) => cell.trim().replaceAll('\\|', '|'))
}
