import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

import { loadConfig } from './config/load.ts'
import type { Origin } from './config/references.ts'
import { readRuleFiles } from './config/rule-files.ts'
import { compileRuleset } from './config/ruleset.ts'
import type { Config } from './config/settings.ts'
import { withTlsPaths } from './ingest/gelf/settings.ts'
import { canonicalJson, sha256Hex } from './lib/canonical.ts'
import type { Problem } from './model/problem.ts'
import type { RulesetSource } from './model/ruleset.ts'
import type { CompiledRuleset } from './rules/rule.ts'
import type { Objective } from './slo/objective.ts'

/** A configuration with its rules, read and checked whole: what a start or a reload swaps in. */
export interface Configured {
  readonly config: Config
  /** Data folder and rule paths, relative ones taken from the config file's folder. */
  readonly data: string
  readonly rulePaths: readonly string[]
  readonly source: RulesetSource
  readonly ruleset: CompiledRuleset
  readonly objectives: readonly Objective[]
  /** Hash over configuration and rules, to compare replicas by. */
  readonly hash: string
  readonly origins: ReadonlyMap<string, Origin>
}

/** `tocsin.yaml` alone, read and checked. */
export interface Settings {
  readonly config: Config
  readonly data: string
  readonly rulePaths: readonly string[]
  /** What the engine must know of the inputs. */
  readonly inputs: RulesetSource['inputs']
  readonly origins: ReadonlyMap<string, Origin>
}

/** Reads `tocsin.yaml` without the rules; `settings` is there when no problem is an error. */
export function readSettings(
  configFile: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly settings: Settings | undefined; readonly problems: readonly Problem[] } {
  let text: string
  try {
    text = readFileSync(configFile, 'utf8')
  } catch (error) {
    const message = `cannot read the configuration: ${(error as Error).message}; "tocsin init" writes one`
    const problem = {
      code: 'unreadable-file',
      severity: 'error',
      message,
      file: configFile,
    } as const
    return { settings: undefined, problems: [problem] }
  }
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const { config: loaded, origins, problems } = loadConfig(text, configFile, { env, readFile })
  if (loaded === undefined) return { settings: undefined, problems }
  const folder = dirname(resolve(configFile))
  const config = {
    ...loaded,
    inputs: loaded.inputs.map((input) =>
      // The files of Kafka's are secrets, which references bring.
      input.type === 'kafka' || input.type === 'gelf-udp'
        ? input
        : withTlsPaths(input, (path) => resolve(folder, path)),
    ),
  }
  const inputs = Object.fromEntries(
    config.inputs.map(({ name, type, labels, reorder, idle_after, ...more }) => [
      name,
      {
        labels,
        reorderMs: reorder,
        idleAfterMs: idle_after,
        ...('silent_after' in more && silence(more)),
        ...(type === 'kafka' && { isLog: true as const }),
      },
    ]),
  )
  const data = resolve(folder, config.data)
  const rulePaths = config.rules.map((path) => resolve(folder, path))
  return { settings: { config, data, rulePaths, inputs, origins }, problems }
}

/** After how much silence an input is an incident, where that is asked for. */
function silence(input: { readonly silent_after?: number | undefined }): {
  readonly silentAfterMs?: number
} {
  return input.silent_after === undefined ? {} : { silentAfterMs: input.silent_after }
}

/**
 * Reads `tocsin.yaml` and every rule file. Returns all problems of both at once; `configured` is
 * there only when none of them is an error (I8: whole or not at all).
 */
export function readConfigured(
  configFile: string,
  env: Readonly<Record<string, string | undefined>>,
): { readonly configured: Configured | undefined; readonly problems: readonly Problem[] } {
  const read = readSettings(configFile, env)
  if (read.settings === undefined) return fail(read.problems)

  const { config, origins, data, rulePaths, inputs } = read.settings
  const files = readRuleFiles(rulePaths)
  const source: RulesetSource = { documents: files.documents, inputs, fields: config.fields }
  const { ruleset, objectives, problems } = compileRuleset(source)
  const all = [...read.problems, ...files.problems, ...problems]
  if (all.some(({ severity }) => severity === 'error')) return fail(all)
  const hash = sha256Hex(canonicalJson([config, ruleset.hash]))
  return {
    configured: { config, data, rulePaths, source, ruleset, objectives, hash, origins },
    problems: all,
  }
}

function fail(problems: readonly Problem[]): {
  readonly configured: undefined
  readonly problems: readonly Problem[]
} {
  return { configured: undefined, problems }
}
