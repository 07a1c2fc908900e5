/** `docs/reference/configuration.md` against the schema of the settings. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { loadConfig } from '../../src/config/load.ts'
import { resolveReferences } from '../../src/config/references.ts'
import { configSchema } from '../../src/config/settings.ts'
import { codeIn, readPage, rowsOf } from './page.ts'

const page = readPage('configuration')

interface Schema {
  readonly type?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
  readonly additionalProperties?: Schema | boolean
  readonly default?: unknown
  readonly enum?: readonly unknown[]
}

interface Key {
  readonly isRequired: boolean
  readonly default: unknown
}

/** Every key that a value can be given to, with what the schema says of it. */
function keysOf(schema: Schema, path: string, found: Map<string, Key>): Map<string, Key> {
  for (const option of schema.oneOf ?? []) keysOf(option, path, found)
  if (schema.items !== undefined) keysOf(schema.items, `${path}[]`, found)
  if (typeof schema.additionalProperties === 'object') {
    found.set(`${path}.*`, { isRequired: false, default: undefined })
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const key = path === '' ? name : `${path}.${name}`
    const isRequired = schema.required?.includes(name) === true
    if (!hasKeys(inner)) found.set(key, { isRequired, default: inner.default })
    keysOf(inner, key, found)
  }
  return found
}

function hasKeys({ properties, items, oneOf, additionalProperties }: Schema): boolean {
  return (
    properties !== undefined ||
    typeof additionalProperties === 'object' ||
    oneOf?.some(hasKeys) === true ||
    (items !== undefined && hasKeys(items))
  )
}

const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Schema
const keys = keysOf(schema, '', new Map())
const rows = rowsOf(page, 'key', 'default', 'meaning').map((row) => ({
  key: codeIn(row['key']!),
  default: row['default']!,
}))

describe('the page of settings', () => {
  it('names exactly the keys of the schema', () => {
    expect(keys.size).toBeGreaterThan(40)
    expect(rows.map(({ key }) => key).toSorted()).toEqual([...keys.keys()].toSorted())
  })

  it.each(rows.map((row) => [row.key, row.default]))('says the default of %s: %s', (key, shown) => {
    const { isRequired, default: value } = keys.get(key)!
    if (isRequired) expect(shown).toBe('required')
    else if (key === 'receivers[].timeout') expect(shown).toBe('`15s`')
    else if (value === undefined) expect(shown).toBe('')
    else expect(shown).toBe(`\`${written(value)}\``)
  })

  it('says the timeout that a receiver without one gets', () => {
    const text = page.blocks[0]!.code
    const { config, problems } = load(text)
    expect(problems).toEqual([])
    expect(config!.receivers[0]!.timeoutMs).toBe(15_000)
  })

  it('has an example that the service takes', () => {
    const { config, problems } = load(page.blocks[0]!.code)
    expect(problems).toEqual([])
    expect(config).toMatchObject({ data: '/var/lib/tocsin', rules: ['rules'] })
  })

  it('says how a value comes from elsewhere', () => {
    const forms = rowsOf(page, 'written').map((row) => codeIn(row['written']!))
    expect(forms).toEqual(['"${NAME}"', '"${NAME:-text}"', 'env:NAME', 'file:/path'])
    const read = (env: Record<string, string>): unknown =>
      resolveReferences(
        forms.map((form) => form.replaceAll('"', '')),
        { env, readFile: (path) => `content of ${path}\n` },
      ).value
    expect(read({ NAME: 'x' })).toEqual(['x', 'x', 'x', 'content of /path'])
    expect(read({})).toEqual([undefined, 'text', undefined, 'content of /path'])
  })
})

function load(text: string) {
  const env = {
    ONCALL_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
    ANN_TOKEN_SHA256: 'a'.repeat(64),
  }
  const readFile = (path: string): never => {
    throw new Error(`${path} is not read here`)
  }
  return loadConfig(text, 'tocsin.yaml', { env, readFile })
}

/** As it would stand in the file. */
function written(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value)
}
