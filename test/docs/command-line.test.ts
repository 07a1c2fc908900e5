/** `docs/reference/command-line.md` against the commands as they are registered. */
import { Command } from 'commander'
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

import type { CliIo } from '../../src/cli/io.ts'
import { DISMISSALS } from '../../src/model/incident.ts'
import { runTocsin } from '../support/run-tocsin.ts'
import { codeIn, codesIn, readPage, rowsOf } from './page.ts'

const page = readPage('command-line')
const CLI = new URL('../../src/cli/', import.meta.url)

/** A command without subcommands, by its whole name. */
interface Leaf {
  readonly name: string
  readonly usage: string
  readonly options: readonly string[]
}

async function commands(): Promise<Leaf[]> {
  const program = new Command('tocsin')
  const io: CliIo = {
    out: () => undefined,
    err: () => undefined,
    isTerminal: false,
    exit: () => undefined,
  }
  for (const file of readdirSync(CLI).filter((name) => name.endsWith('.ts'))) {
    const module = (await import(/* @vite-ignore */ new URL(file, CLI).href)) as {
      register?: (program: Command, io: CliIo, runtime: unknown) => void
    }
    module.register?.(program, io, {})
  }
  return program.commands.flatMap((command) => leaves(command, ''))
}

function leaves(command: Command, above: string): Leaf[] {
  const name = `${above}${command.name()}`
  if (command.commands.length > 0) {
    return command.commands.flatMap((each) => leaves(each, `${name} `))
  }
  const parts = command.registeredArguments.map((argument) => {
    const inner = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${inner}>` : `[${inner}]`
  })
  const options = command.options.map((option) => option.flags)
  return [{ name, usage: ['tocsin', name, ...parts].join(' '), options }]
}

const known = await commands()

describe('the page of commands', () => {
  it('names exactly the commands, with their arguments', () => {
    const named = rowsOf(page, 'command', 'does').map((row) => codeIn(row['command']!))
    expect(named.toSorted()).toEqual(known.map(({ usage }) => usage).toSorted())
  })

  it('is about the commands that the program has', async () => {
    const { out } = await runTocsin('--help')
    const names = new Set(known.map(({ name }) => name.split(' ')[0]!))
    for (const name of names) expect(out.join('\n')).toMatch(new RegExp(`^  ${name} `, 'm'))
  })

  it('names exactly the options of each', () => {
    const named = rowsOf(page, 'option', 'of').flatMap((row) =>
      codesIn(row['of']!).map((command) => `${command} ${codeIn(row['option']!)}`),
    )
    const options = known.flatMap((leaf) => leaf.options.map((flags) => `${leaf.name} ${flags}`))
    expect(named.toSorted()).toEqual(options.toSorted())
  })

  it('says how an incident may be dismissed', () => {
    const row = rowsOf(page, 'option', 'of').find((each) => each['option'] === '`--as <what>`')!
    expect(codesIn(row['meaning']!)).toEqual([...DISMISSALS])
  })
})
