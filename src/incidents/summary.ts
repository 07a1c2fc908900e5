import Mustache from 'mustache'
import type { TemplateSpans } from 'mustache'

import type { Problem } from '../model/problem.ts'
import { didYouMean } from '../model/problem.ts'

/** Values by their full name, such as `group.region`: nothing can be reached that is not here. */
type TemplateValues = ReadonlyMap<string, string | number>

export type Template =
  | { readonly ok: true; render(values: TemplateValues, escape?: (text: string) => string): string }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Names that every template may use besides `group.<field>`. */
const TEMPLATE_NAMES = [
  'value',
  'window',
  'threshold',
  'matches',
  'severity',
  'from',
  'to',
  'rule.id',
  'rule.title',
  'rule.revision',
] as const

/** A section in a section in a section; more is a program, not a sentence. */
const DEPTH_MAX = 3
const TOKENS_MAX = 500
/** Also the longest template, in UTF-16 code units. */
const OUTPUT_MAX_BYTES = 64 * 1024
/** One group value may be 32 KiB of a sender's text; a sentence needs its beginning. */
const VALUE_MAX = 1_024

/**
 * Parses and checks a Mustache template once, at load. Allowed are values, sections over a value
 * that is there, inverted sections and comments; refused are partials, changed delimiters, unknown
 * names and anything past the limits. Values are looked up by their whole name in a map, so no
 * prototype and no function can be reached, and `{{{ name }}}` escapes like `{{ name }}` (I10).
 *
 * `groupBy` lists the rule's group fields where they are known; without it any `group.…` passes.
 */
export function compileTemplate(template: string, groupBy?: readonly string[]): Template {
  if (template.length > OUTPUT_MAX_BYTES) {
    return refused(`the template has ${template.length} characters, more than ${OUTPUT_MAX_BYTES}`)
  }
  const writer = new Mustache.Writer()
  let tokens: TemplateSpans
  try {
    tokens = alwaysEscaped(writer.parse(template) as TemplateSpans)
  } catch (cause) {
    return refused(`the template cannot be read: ${(cause as Error).message}`)
  }
  const count = countTokens(tokens)
  if (count > TOKENS_MAX) {
    return refused(`the template has ${count} parts, more than ${TOKENS_MAX}`)
  }
  const problems = [...faults(tokens, 1, new Names(groupBy))]
  if (problems.length > 0) return { ok: false, problems }
  return {
    ok: true,
    render: (values, escape = (text) => text) => {
      const config = { escape: (value: unknown) => escape(printable(value)) }
      const context = new FlatContext(values)
      // The writer wants its own context class; it calls nothing but `lookup` and `push`.
      const text = writer.renderTokens(
        tokens as never,
        context as never,
        undefined,
        template,
        config,
      )
      return cutBytes(oneLine(text), OUTPUT_MAX_BYTES)
    },
  }
}

/** Graylog finds a field `a.b` under `a_b` too, so a template may name it either way. */
export function groupValues(group: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(group).flatMap(([field, value]): [string, string][] => {
    const own: [string, string] = [`group.${field}`, value]
    return field.includes('.') ? [[`group.${field.replaceAll('.', '_')}`, value], own] : [own]
  })
}

class Names {
  readonly #known: ReadonlySet<string>
  readonly #anyGroup: boolean

  constructor(groupBy: readonly string[] | undefined) {
    const fields = Object.fromEntries((groupBy ?? []).map((field) => [field, '']))
    this.#known = new Set([...TEMPLATE_NAMES, ...groupValues(fields).map(([name]) => name)])
    this.#anyGroup = groupBy === undefined
  }

  has(name: string): boolean {
    return this.#known.has(name) || (this.#anyGroup && /^group\../.test(name))
  }

  refusal(name: string): string {
    const known = [...this.#known].join(', ')
    const shown = name.slice(0, 80)
    return `the template names "${shown}", which is not known${didYouMean(shown, this.#known)}; known are ${known}${this.#anyGroup ? ', group.<field>' : ''}`
  }
}

/** One value map at every depth: a section never changes what a name means. */
class FlatContext {
  readonly #values: TemplateValues

  constructor(values: TemplateValues) {
    this.#values = values
  }

  lookup(name: string): string | number | undefined {
    return this.#values.get(name)
  }

  push(): this {
    return this
  }
}

function* faults(tokens: TemplateSpans, depth: number, names: Names): Generator<Problem> {
  for (const [type, name, start, , inner] of tokens) {
    const column = start + 1
    switch (type) {
      case 'text':
      case '!':
        break
      case '&':
      case 'name':
        if (!names.has(name)) yield problem(names.refusal(name), column)
        break
      case '#':
      case '^':
        if (!names.has(name)) yield problem(names.refusal(name), column)
        if (depth > DEPTH_MAX) {
          yield problem(`sections lie more than ${DEPTH_MAX} deep`, column)
        } else if (Array.isArray(inner)) {
          yield* faults(inner, depth + 1, names)
        }
        break
      case '>':
        yield problem(`partials such as "{{> ${name} }}" are not allowed in a template`, column)
        break
      case '=':
        yield problem('a template may not change its delimiters', column)
        break
    }
  }
}

/** Sections are reached without recursion: some thousand may be nested before they are refused. */
function alwaysEscaped(tokens: TemplateSpans): TemplateSpans {
  for (const list of lists(tokens))
    for (const token of list) if (token[0] === '&') token[0] = 'name'
  return tokens
}

function countTokens(tokens: TemplateSpans): number {
  let count = 0
  for (const list of lists(tokens)) count += list.length
  return count
}

function* lists(tokens: TemplateSpans): Generator<TemplateSpans> {
  const waiting: TemplateSpans[] = [tokens]
  for (let list = waiting.pop(); list !== undefined; list = waiting.pop()) {
    yield list
    for (const token of list) if (Array.isArray(token[4])) waiting.push(token[4])
  }
}

function refused(message: string): Template {
  return { ok: false, problems: [problem(message)] }
}

function problem(message: string, column?: number): Problem {
  return { code: 'template', severity: 'error', message, column }
}

/** Well formed, because a lone surrogate would make percent-encoding throw. */
function printable(value: unknown): string {
  const text = String(value)
  return (text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text).toWellFormed()
}

/** A summary is one line in logs, titles and chats: control characters become spaces (I10). */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
}

function cutBytes(text: string, max: number): string {
  if (Buffer.byteLength(text) <= max) return text
  const bytes = Buffer.from(text).subarray(0, max - 3)
  // A character cut in half at the end decodes as U+FFFD and is dropped.
  return `${bytes.toString('utf8').replace(/\ufffd$/, '')}…`
}
