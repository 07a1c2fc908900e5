import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { YAML_SIZE_MAX } from '../lib/yaml-document.ts'
import type { Problem } from '../model/problem.ts'
import type { RuleDocument } from '../model/ruleset.ts'

/** Folders under a rules folder; deeper is a loop or a slip. */
export const DEPTH_MAX = 16
export const FILES_MAX = 20_000

/**
 * Reads the rule files that the paths name: a file as it is, a folder with every `.yaml` and `.yml`
 * under it, in order of name. Hidden folders, `node_modules`, and a `tocsin.yaml` (the service's
 * settings) are passed over unless named themselves. What cannot be read is a problem with the
 * code `unreadable`.
 */
export function readRuleFiles(paths: readonly string[]): {
  readonly documents: RuleDocument[]
  readonly problems: Problem[]
} {
  const problems: Problem[] = []
  const unreadable = (file: string, message: string): void => {
    problems.push({ code: 'unreadable', severity: 'error', message, file })
  }
  const files = new Set<string>()
  for (const path of paths) {
    attempt(path, unreadable, () => {
      if (statSync(path).isDirectory()) collect(path, 0, files, unreadable)
      else files.add(path)
    })
  }
  if (files.size > FILES_MAX) {
    unreadable(paths[0] ?? '', `${files.size} rule files; at most ${FILES_MAX} are read`)
    return { documents: [], problems }
  }
  const documents: RuleDocument[] = []
  for (const file of files) {
    attempt(file, unreadable, () => {
      const { size } = statSync(file)
      if (size > YAML_SIZE_MAX) {
        unreadable(file, `the file has ${size} bytes; at most ${YAML_SIZE_MAX} are read: split it`)
        return
      }
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        readFileSync(file),
      )
      documents.push({ file, text })
    })
  }
  return { documents, problems }
}

function collect(
  folder: string,
  depth: number,
  files: Set<string>,
  unreadable: (file: string, message: string) => void,
): void {
  if (depth > DEPTH_MAX) {
    unreadable(folder, `folders are nested deeper than ${DEPTH_MAX} levels`)
    return
  }
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name)
    attempt(path, unreadable, () => {
      // A link to a file is followed, a link to a folder is not: it could lead in circles.
      const isLink = lstatSync(path).isSymbolicLink()
      if (statSync(path).isDirectory()) {
        if (isLink || isPassedOver(name)) return
        collect(path, depth + 1, files, unreadable)
      } else if (isRuleFile(name)) files.add(path)
    })
  }
}

/** A folder that nobody keeps rules in. */
export function isPassedOver(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules'
}

/** By the name of a file in a rules folder. */
export function isRuleFile(name: string): boolean {
  return /\.ya?ml$/.test(name) && name !== 'tocsin.yaml'
}

function attempt(
  path: string,
  unreadable: (file: string, message: string) => void,
  read: () => void,
): void {
  try {
    read()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file or folder' : sentence(code, message)
    unreadable(path, why)
  }
}

function sentence(code: string | undefined, message: string): string {
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'the file is not UTF-8 text'
  return `it cannot be read: ${code ?? message}`
}
