import type { z } from 'zod'

import type { YamlDocument } from '../lib/yaml-document.ts'
import { readYaml } from '../lib/yaml-document.ts'
import type { Problem } from '../model/problem.ts'
import { didYouMean } from '../model/problem.ts'
import { knownKeys } from './known-keys.ts'
import type { Origin, References } from './references.ts'
import { resolveReferences } from './references.ts'
import { configSchema } from './settings.ts'
import type { Config } from './settings.ts'

export interface LoadedConfig {
  /** `undefined` when there is an error among the problems. */
  readonly config: Config | undefined
  /** Where values came from that do not stand in the file itself, by path. */
  readonly origins: ReadonlyMap<string, Origin>
  readonly problems: readonly Problem[]
}

/**
 * Reads `tocsin.yaml`: resolves references, checks it against the whole schema, and reports every
 * problem at once with line, column, path and, where the value came from elsewhere, its origin.
 */
export function loadConfig(text: string, file: string, references: References): LoadedConfig {
  const { documents, faults } = readYaml(text)
  if (faults.length > 0 || documents.length > 1) {
    const problems: Problem[] = faults.map((fault) => ({ ...fault, file, severity: 'error' }))
    if (faults.length === 0) {
      const message = 'a configuration is one YAML document, and this file has several'
      problems.push({ code: 'several-documents', severity: 'error', message, file })
    }
    return { config: undefined, origins: new Map(), problems }
  }
  const document = documents[0]
  const { value, origins, problems } = resolveReferences(document?.value ?? {}, references)
  const found: Problem[] = problems.map(({ path, ...problem }) => ({
    ...problem,
    message: `${path.join('.')}: ${problem.message}`,
    ...placeOf(document, file, path),
  }))
  const parsed = configSchema.safeParse(value)
  if (!parsed.success) {
    // What a reference could not give is reported once, as that.
    const missing = new Set(problems.map(({ path }) => path.join('.')))
    for (const issue of parsed.error.issues) {
      if (missing.has(issue.path.join('.'))) continue
      found.push(...problemsOf(issue, { document, file, origins }))
    }
  }
  const config = parsed.success && found.length === 0 ? parsed.data : undefined
  return { config, origins, problems: found }
}

function problemsOf(
  issue: z.core.$ZodIssue,
  context: {
    readonly document: YamlDocument | undefined
    readonly file: string
    readonly origins: ReadonlyMap<string, Origin>
  },
): Problem[] {
  const { document, file, origins } = context
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(configSchema, path)
    return issue.keys.map((key) => ({
      code: 'unknown-key',
      severity: 'error',
      message: `unknown key "${[...path, key].join('.')}"${didYouMean(key, known)}; known here: ${known.join(', ')}`,
      ...placeOf(document, file, [...path, key], 'key'),
    }))
  }
  const origin = origins.get(path.join('.'))
  const from = origin === undefined ? '' : ` (from ${origin})`
  return [
    {
      code: 'bad-setting',
      severity: 'error',
      message: `${path.join('.') || 'the configuration'}: ${issue.message}${from}`,
      ...placeOf(document, file, path),
    },
  ]
}

function placeOf(
  document: YamlDocument | undefined,
  file: string,
  path: readonly (string | number)[],
  part: 'key' | 'value' = 'value',
): Pick<Problem, 'file' | 'line' | 'column'> {
  if (document === undefined) return { file }
  const { line, column } = document.locate(path, part)
  return { file, line, column }
}
