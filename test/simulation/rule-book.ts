import { rulesetHash } from '../../src/config/ruleset.ts'
import type { RulesetSource } from '../../src/model/ruleset.ts'
import { LoadedRules } from '../../src/threads/core/loaded-rules.ts'
import type { LoadRules } from '../../src/threads/core/loaded-rules.ts'
import type { Action } from './nemesis.ts'
import { yamlOf } from './rule-spec.ts'
import type { RulesSpec, RuleSpec } from './rule-spec.ts'

export interface RulesInForce {
  readonly hash: string
  readonly source: RulesetSource
  readonly spec: RulesSpec
}

/** The files that the rules stand in: what they say now, and all that they ever said. */
export class RuleBook {
  /** Every rule set that was ever in force, by hash. */
  readonly specs = new Map<string, RulesSpec>()
  /** The same, compiled. */
  readonly loaded = new Map<string, LoadedRules>()
  /** When each was written, counted; the same text may be written again. */
  readonly written = new Map<string, number[]>()
  /** Rules whose meaning was changed while they had state. */
  readonly edited = new Set<string>()
  #now: RulesInForce
  #writings = 0

  constructor(spec: RulesSpec) {
    this.#now = this.#enact(spec)
  }

  get now(): RulesInForce {
    return this.#now
  }

  /** What a thread makes of a rule set: compiled once in the whole world, as it is the same. */
  readonly load: LoadRules = (source) => {
    const hash = rulesetHash(source)
    const loaded = this.loaded.get(hash) ?? new LoadedRules(source)
    this.loaded.set(hash, loaded)
    return loaded
  }

  /** Somebody edits a rule; `false` when there was nothing to edit. */
  edit(action: Action): boolean {
    const { spec } = this.#now
    let rules = [...spec.rules]
    const at = 'rule' in action && typeof action.rule === 'number' ? action.rule % rules.length : 0
    const old = rules[at]!
    const change = (over: Partial<RuleSpec>): void => {
      rules[at] = { ...old, ...over }
    }
    if (action.kind === 'add-rule') rules.push(action.rule)
    else if (action.kind === 'remove-rule') rules = rules.filter((rule) => rule !== old)
    else if (action.kind === 'edit-title') change({ title: `${old.title} again` })
    else if (old.threshold === null) return false
    else if (action.kind === 'edit-threshold') {
      change({ threshold: { ...old.threshold, atLeast: action.atLeast }, critical: null })
      this.edited.add(old.id)
    } else if (action.kind === 'edit-window') {
      change({ threshold: { ...old.threshold, withinMs: action.withinMs } })
      this.edited.add(old.id)
    }
    if (rules.length === 0) return false
    this.#now = this.#enact({ ...spec, rules })
    return true
  }

  #enact(spec: RulesSpec): RulesInForce {
    const inputs = Object.fromEntries(
      spec.inputs.map(({ name, ...timing }) => [name, { ...timing, labels: {} }]),
    )
    const documents = [{ file: 'rules.yaml', text: yamlOf(spec) }]
    const source: RulesetSource = { documents, inputs, fields: {} }
    const { hash } = this.load(source)
    this.specs.set(hash, spec)
    this.written.set(hash, [...(this.written.get(hash) ?? []), this.#writings++])
    return { hash, source, spec }
  }
}
