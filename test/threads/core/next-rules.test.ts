import { describe, expect, it } from 'vitest'

import { LoadedRules } from '../../../src/threads/core/loaded-rules.ts'
import { NextRules } from '../../../src/threads/core/next-rules.ts'
import type { AnnouncedRules, RulesMessage } from '../../../src/threads/messages.ts'

/** The rule set that main gave this number. */
function rules(order: number): RulesMessage {
  const documents = [{ file: 'a.yaml', text: `rule: r${order}\nwhere: "*"\nmatch: {}\n` }]
  const source = { documents, inputs: {}, fields: {} }
  const { hash } = new LoadedRules(source)
  return { kind: 'rules', hash, order, source, origin: null }
}

function announced(order: number): AnnouncedRules {
  return { ...rules(order), kind: 'announce' }
}

/** With what it was given to compile, and whom it told. */
function nextRules() {
  const compiled: string[] = []
  const told: number[] = []
  const next = new NextRules((source) => {
    const loaded = new LoadedRules(source)
    compiled.push(loaded.ruleset.rules[0]!.id)
    return loaded
  })
  return {
    next,
    compiled,
    told,
    wanted: () => next.wanted()?.message.order,
    prepared: () => next.prepared((order) => told.push(order))?.order,
  }
}

describe('the next rules', () => {
  it('are none before something came, and none once they are in force', () => {
    const { next, wanted, prepared } = nextRules()
    expect(wanted()).toBeUndefined()
    next.receive(rules(0))
    expect([wanted(), prepared(), wanted()]).toEqual([0, 0, undefined])
  })

  it('are told to main once when they are prepared, and come into force when they arrive', () => {
    const { next, told, wanted, prepared } = nextRules()
    next.receive(announced(1))
    expect([wanted(), prepared(), wanted(), prepared()]).toEqual([1, undefined, 1, undefined])
    expect(told).toEqual([1])
    next.receive(rules(1))
    expect([wanted(), prepared(), wanted()]).toEqual([1, 1, undefined])
  })

  it('are the newest of what was announced', () => {
    const { next, wanted } = nextRules()
    for (const order of [1, 3, 2]) next.receive(announced(order))
    expect(wanted()).toBe(3)
  })

  it('are those that main was told of, until they are in force; then the newer', () => {
    const { next, wanted, prepared } = nextRules()
    next.receive(announced(1))
    prepared()
    next.receive(announced(2))
    expect(wanted()).toBe(1)
    next.receive(rules(1))
    expect([wanted(), prepared(), wanted()]).toEqual([1, 1, 2])
  })

  it('of a start come before an announced one, where they are prepared at once', () => {
    const { next, told, wanted, prepared } = nextRules()
    next.receive(announced(1))
    next.receive(rules(0))
    expect([wanted(), prepared(), wanted()]).toEqual([0, 0, 1])
    expect(told).toEqual([])
  })

  it('of a start give way to an announced one while they are not prepared', () => {
    const { next, told, wanted, prepared } = nextRules()
    next.receive(rules(0))
    next.receive(announced(1))
    expect(wanted()).toBe(0)
    next.postpone()
    expect([wanted(), prepared()]).toEqual([1, undefined])
    expect(told).toEqual([1])
    next.receive(rules(1))
    expect([wanted(), prepared(), wanted()]).toEqual([1, 1, undefined])
  })

  it('are taken from the first thread that passes them on', () => {
    const { next, wanted, prepared } = nextRules()
    next.receive(rules(0))
    prepared()
    next.receive(rules(0))
    expect(wanted()).toBeUndefined()
  })

  it('are compiled once while they wait', () => {
    const { next, compiled, wanted, prepared } = nextRules()
    next.receive(announced(1))
    wanted()
    wanted()
    prepared()
    expect(compiled).toEqual(['r1'])
  })

  it('make matches of the set that the threads switched to usable, and of no other', () => {
    const { next } = nextRules()
    next.receive(announced(1))
    expect(next.isNear(rules(1).hash)).toBe(false)
    next.receive(rules(1))
    expect([next.isNear(rules(1).hash), next.isNear(rules(2).hash)]).toEqual([true, false])
  })
})
