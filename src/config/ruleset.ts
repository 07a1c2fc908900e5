import { canonicalJson, sha256Hex } from '../lib/canonical.ts'
import { readYaml, type YamlDocument } from '../lib/yaml-document.ts'
import { DocumentReader } from '../model/document-reader.ts'
import { didYouMean, type Problem } from '../model/problem.ts'
import { compileTemplate } from '../incidents/summary.ts'
import type { RulesetSource } from '../model/ruleset.ts'
import type { Condition } from '../rules/language/condition.ts'
import { readCondition } from '../rules/language/native.ts'
import { ID_EXPECTED, ID_PATTERN, readInputs, readRule } from '../rules/language/rule-document.ts'
import type { CompiledRuleset, Counter, Rule } from '../rules/rule.ts'
import type { Objective } from '../slo/objective.ts'
import { deadBurnFactors } from '../slo/burn-rate.ts'
import { readObjective } from '../slo/parse.ts'

export const RULES_MAX = 20_000

/** A rule set as it runs, with everything that was found wrong. */
export interface RulesetResult {
  readonly ruleset: CompiledRuleset
  /** In the order of the rule set's counters: counter i counts objective i. */
  readonly objectives: readonly Objective[]
  /** Any error among them means that the rule set must not be activated. */
  readonly problems: readonly Problem[]
}

/** Hash of everything that decides what a record matches. */
export function rulesetHash(source: RulesetSource): string {
  return sha256Hex(canonicalJson(source))
}

/** Compiles the documents of a rule set. Pure: equal sources give equal results. */
export function compileRuleset(source: RulesetSource): RulesetResult {
  const compilation = new Compilation(source)
  for (const { file, text } of source.documents) compilation.file(file, text)
  return compilation.result()
}

class Compilation {
  readonly #source: RulesetSource
  readonly #problems: Problem[] = []
  readonly #rules: Rule[] = []
  readonly #counters: Counter[] = []
  readonly #objectives: Objective[] = []
  /** Where each id was first given, by kind. */
  readonly #places = new Map<string, string>()

  constructor(source: RulesetSource) {
    this.#source = source
  }

  file(file: string, text: string): void {
    const { documents, faults } = readYaml(text)
    for (const fault of faults) this.#problems.push({ ...fault, severity: 'error', file })
    if (documents.some((document) => kindOf(document) === 'sigma')) {
      // Once for a file, which often holds many.
      const { line, column } = documents[0]!.locate([])
      const message = 'this is a Sigma file; Sigma comes in a later version of Tocsin'
      this.#problems.push({ code: 'sigma-later', severity: 'error', message, file, line, column })
    }
    for (const document of documents) this.#document(new DocumentReader(document, file), document)
  }

  result(): RulesetResult {
    if (this.#rules.length > RULES_MAX) {
      const message = `${this.#rules.length} rules; at most ${RULES_MAX} run`
      this.#problems.push({ code: 'too-many', severity: 'error', message })
    }
    return {
      ruleset: {
        hash: rulesetHash(this.#source),
        rules: this.#rules,
        counters: this.#counters,
      },
      objectives: this.#objectives,
      problems: this.#problems,
    }
  }

  #document(reader: DocumentReader, document: YamlDocument): void {
    const kind = kindOf(document)
    if (kind === 'rule') {
      const rule = readRule(reader, this.#source)
      if (rule !== undefined) checkSummary(reader, rule)
      if (this.#isNew(reader, 'rule') && rule !== undefined) this.#rules.push(rule)
    } else if (kind === 'slo') this.#objective(reader)
    else if (kind === undefined) refuseUnknown(reader)
    this.#problems.push(...reader.problems)
  }

  #objective(reader: DocumentReader): void {
    const read = readObjective<Condition>(reader, {
      idPattern: ID_PATTERN,
      idExpected: ID_EXPECTED,
      condition: (key) => readCondition(reader, [key], this.#source.fields),
      inputs: () => readInputs(reader, this.#source.inputs),
    })
    if (!this.#isNew(reader, 'slo') || read === undefined) return
    const { objective, total, bad } = read
    checkTarget(reader, objective)
    const { id, inputs, groupBy } = objective
    this.#objectives.push(objective)
    this.#counters.push({ id, inputs, total, bad, groupBy })
  }

  #isNew(reader: DocumentReader, kind: 'rule' | 'slo'): boolean {
    const id = reader.at([kind])
    if (typeof id !== 'string') return true
    const key = `${kind} ${id}`
    const first = this.#places.get(key)
    if (first !== undefined) {
      reader.refuse(
        [kind],
        'duplicate-id',
        `"${id.slice(0, 100)}" is already the id of the ${kind} at ${first}`,
      )
      return false
    }
    this.#places.set(key, `${reader.file}:${reader.document.locate([kind]).line}`)
    return true
  }
}

/** A summary is a template over what an incident knows; a bad one is found here, not at night. */
function checkSummary(reader: DocumentReader, { annotations, groupBy }: Rule): void {
  const { summary } = annotations
  if (summary === undefined) return
  const template = compileTemplate(summary, groupBy)
  if (template.ok) return
  for (const { message } of template.problems) {
    reader.refuse(['annotations', 'summary'], 'bad-template', message)
  }
}

/** Burn-rate pairs that even a complete outage could not make fire (SRE Workbook's factors). */
function checkTarget(reader: DocumentReader, { target, periodMs }: Objective): void {
  const dead = deadBurnFactors(target, periodMs)
  if (dead.length === 0) return
  const factors = dead.map(({ factor }) => Number(factor.toFixed(2))).join(', ')
  const message = `at this objective the burn rate cannot exceed ${factors}: those alerts can never fire`
  reader.warn(['objective'], 'dead-burn-rate', message)
}

const SIGMA_KEYS = ['detection', 'logsource', 'correlation', 'filter']

function kindOf(document: YamlDocument): 'rule' | 'slo' | 'sigma' | undefined {
  const { value } = document
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (Object.hasOwn(value, 'rule')) return 'rule'
  if (Object.hasOwn(value, 'slo')) return 'slo'
  return SIGMA_KEYS.some((key) => Object.hasOwn(value, key)) ? 'sigma' : undefined
}

function refuseUnknown(reader: DocumentReader): void {
  const expected = 'expected a document that begins with "rule: <id>" or "slo: <id>"'
  const value = reader.at([])
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    reader.refuse([], 'unknown-kind', `${expected}, found no block at all`)
    return
  }
  const [first] = Object.keys(value)
  const near = first === undefined ? '' : didYouMean(first, ['rule', 'slo'])
  reader.refuse([], 'unknown-kind', `${expected}, found "${(first ?? '').slice(0, 60)}"${near}`)
}
