import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { register as registerBacktest } from '../../src/cli/backtest.ts'
import { register as registerTest } from '../../src/cli/test.ts'

const RULE = `
rule: failures
title: Two failures of a host
severity: high
where: kind:failure
group_by: [node]
threshold: { at_least: 2, within: 1m }
tests:
  - name: two open
    events: [{ at: 0s, every: 1s, times: 2, set: { kind: failure, node: web-1 } }]
    expect: [{ at: 1s, open: { node: web-1 }, value: 2 }]
  - name: one opens
    events: [{ at: 0s, set: { kind: failure, node: web-1 } }]
    expect: [{ at: 0s, open: { node: web-1 } }]
`

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-cli-'))
  writeFileSync(join(folder, 'rule.yaml'), RULE)
})

afterEach(() => rmSync(folder, { recursive: true }))

async function tocsin(...args: readonly string[]) {
  const out: string[] = []
  const err: string[] = []
  let code = -1
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (text) => err.push(text) })
  for (const register of [registerBacktest, registerTest]) {
    register(program, {
      out: (line) => out.push(line),
      err: (line) => err.push(line),
      isTerminal: false,
      exit: (status) => {
        code = status
      },
    })
  }
  for (const command of program.commands) command.copyInheritedSettings(program)
  await program.parseAsync([...args], { from: 'user' })
  return { out, err, code, json: () => out.map((line) => JSON.parse(line) as unknown) }
}

function file(name: string, lines: readonly object[]): string {
  const path = join(folder, name)
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return path
}

function rulesAndEvents(events: string): string[] {
  return ['--rules', join(folder, 'rule.yaml'), '--events', events]
}

describe('tocsin backtest', () => {
  it('prints firings, episodes and the sum in the fixed form', async () => {
    const events = file('events.json', [
      { timestamp: '2026-01-01T00:00:00Z', kind: 'failure', node: 'web-1' },
      { timestamp: '2026-01-01T00:00:01Z', kind: 'calm', node: 'web-1' },
      { timestamp: 1_767_225_602.5, kind: 'failure', node: 'web-1' },
    ])
    const { code, json } = await tocsin(
      'backtest',
      ...rulesAndEvents(events),
      '--format',
      'json',
      '--json',
    )
    expect(code).toBe(0)
    const at = Date.parse('2026-01-01T00:00:02.500Z')
    const common = { type: 'episode', rule: 'failures', group: { node: 'web-1' } }
    const figures = { start: at, end: at, matches: 2, firings: 1, peak: 2, severity: 'high' }
    expect(json()).toEqual([
      { ...common, change: 'opened', ...figures, verdict: null },
      { ...common, change: 'cleared', ...figures, verdict: null },
      { type: 'firing', rule: 'failures', group: { node: 'web-1' }, at, event: 2, value: 2 },
      { ...common, change: 'settled', ...figures, verdict: null },
      { type: 'summary', events: 3, matches: 2, firings: 1, episodes: 1, skipped: {} },
    ])
  })

  it('reads GELF by default, and tells people when what happened', async () => {
    const message = { version: '1.1', host: 'h', short_message: 'm', _kind: 'failure' }
    const events = file('events.gelf', [
      { ...message, timestamp: 1_767_225_600, _node: 'web-1' },
      { ...message, timestamp: 1_767_225_601, _node: 'web-1' },
    ])
    const { code, out } = await tocsin('backtest', ...rulesAndEvents(events))
    expect(code).toBe(0)
    expect(out.at(-1)).toBe('2 events, 2 matches, 1 firing, 1 episode')
  })

  it('counts late by --reorder and late_by', async () => {
    const events = file('events.json', [
      { timestamp: 1_000, kind: 'calm' },
      { timestamp: 870, kind: 'failure', node: 'a' },
    ])
    const run = (...more: readonly string[]) =>
      tocsin('backtest', ...rulesAndEvents(events), '--format', 'json', '--json', ...more)
    expect((await run('--reorder', '0s')).json().at(-1)).toMatchObject({ skipped: { late: 1 } })
    expect((await run('--reorder', '10s')).json().at(-1)).toMatchObject({ skipped: {} })
    await expect(run('--reorder', '10')).rejects.toThrow('expected a duration')
  })

  it('ends with 2 and a sentence when a file cannot be read', async () => {
    const { code, err } = await tocsin('backtest', ...rulesAndEvents(join(folder, 'none')))
    expect(code).toBe(2)
    expect(err.join('')).toContain('there is no such file')
  })
})

describe('tocsin test', () => {
  it('prints each test and the sum, and ends with 1 when one failed', async () => {
    const { code, json } = await tocsin('test', folder, '--json')
    expect(code).toBe(1)
    expect(json()).toEqual([
      { type: 'test', rule: 'failures', name: 'two open', ok: true, message: '' },
      {
        type: 'test',
        rule: 'failures',
        name: 'one opens',
        ok: false,
        message: 'expected open of node "web-1" at 0s; it never came',
      },
      { type: 'summary', tests: 2, failed: 1 },
    ])
  })

  it('tells people which test failed and where it stands', async () => {
    const { out } = await tocsin('test', folder)
    expect(out[0]).toBe('ok    failures: two open')
    expect(out[1]).toMatch(/^FAIL {2}failures: one opens \(.*rule\.yaml:\d+\)$/)
    expect(out.at(-1)).toBe('2 tests, 1 failed')
  })

  it('ends with 2 when rules are invalid', async () => {
    writeFileSync(join(folder, 'rule.yaml'), 'rule: x\nseverity: purple\n')
    const { code, err } = await tocsin('test', folder)
    expect(code).toBe(2)
    expect(err.join('\n')).toContain('purple')
  })
})
