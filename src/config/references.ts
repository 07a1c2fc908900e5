import type { Problem } from '../model/problem.ts'
import { didYouMean } from '../model/problem.ts'

/** Where a setting's value came from, for `tocsin check` and for messages. */
export type Origin = `env ${string}` | `file ${string}` | 'file'

export interface References {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a secret's file; throws when it cannot. */
  readonly readFile: (path: string) => string
}

/** A value with its references resolved, where each came from, and what could not be found. */
export interface Resolved {
  readonly value: unknown
  /** By path, such as `receivers.0.webhook.secret`; only for values that came from elsewhere. */
  readonly origins: ReadonlyMap<string, Origin>
  readonly problems: readonly (Problem & { readonly path: readonly (string | number)[] })[]
}

/**
 * Resolves `${NAME}`, `${NAME:-default}`, `env:NAME` and `file:/path` in every text of a parsed
 * document. A text that is one `${NAME}` whole may become a number or a boolean, as if it had been
 * written there.
 */
export function resolveReferences(document: unknown, references: References): Resolved {
  const origins = new Map<string, Origin>()
  const problems: Resolved['problems'][number][] = []

  const fail = (path: readonly (string | number)[], code: string, message: string): undefined => {
    problems.push({ path, code, severity: 'error', message })
    return undefined
  }

  const lookup = (name: string, path: readonly (string | number)[]): string | undefined => {
    const value = references.env[name]
    if (value === undefined) {
      const near = didYouMean(name, Object.keys(references.env))
      return fail(path, 'unset-variable', `environment variable "${name}" is not set${near}`)
    }
    origins.set(path.join('.'), `env ${name}`)
    return value
  }

  const text = (value: string, path: readonly (string | number)[]): unknown => {
    if (value.startsWith('env:')) return lookup(value.slice(4), path)
    if (value.startsWith('file:/')) return fromFile(value.slice(5), path)
    if (value.startsWith('vault:')) {
      return fail(path, 'vault-later', `"${value}": references to Vault are not in this version`)
    }
    const whole = /^\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}$/.exec(value)
    if (whole !== null) {
      const [, name = '', fallback] = whole
      const found = fallback === undefined ? lookup(name, path) : (references.env[name] ?? fallback)
      return found === undefined ? undefined : scalar(found)
    }
    return value.replaceAll(
      /\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g,
      (_all, name: string, fallback?: string) => {
        if (fallback !== undefined) return references.env[name] ?? fallback
        return lookup(name, path) ?? ''
      },
    )
  }

  const fromFile = (file: string, path: readonly (string | number)[]): string | undefined => {
    try {
      const content = references.readFile(file).replace(/\r?\n$/, '')
      origins.set(path.join('.'), `file ${file}`)
      return content
    } catch (error) {
      return fail(path, 'unreadable-file', `cannot read "${file}": ${(error as Error).message}`)
    }
  }

  const walk = (value: unknown, path: readonly (string | number)[]): unknown => {
    if (typeof value === 'string') return text(value, path)
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, walk(inner, [...path, key])]),
    )
  }

  return { value: walk(document, []), origins, problems }
}

function scalar(value: string): unknown {
  if (value === 'true') return true
  if (value === 'false') return false
  return /^-?\d+(\.\d+)?$/.test(value) && String(Number(value)) === value ? Number(value) : value
}
