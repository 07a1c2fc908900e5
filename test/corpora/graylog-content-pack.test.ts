/** Our content pack beside one that a real Graylog 7.0.1 has accepted and installed. */
import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { contentPack } from '../../src/cli/graylog/content-pack.ts'
import { corpus } from './corpus.ts'

interface Pack {
  readonly entities: readonly { readonly type: { readonly name: string }; readonly data: unknown }[]
}

const accepted = JSON.parse(
  readFileSync(corpus('graylog/contentpack-accepted.json'), 'utf8'),
) as Pack
const ours = contentPack('7', 'both', 'http://tocsin/graylog') as Pack

/** The keys of an entity and the types of its values: what Graylog reads it by. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value !== 'object' || value === null) return typeof value
  const entries = Object.entries(value as Record<string, unknown>)
  // A parameter may stand wherever a value of its type does.
  if ('@type' in value) return '@value'
  return Object.fromEntries(
    entries
      .map(([key, inner]): [string, unknown] => [key, shapeOf(inner)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

const kinds = [...new Set(ours.entities.map(({ type }) => type.name))]

test.each(kinds)('%s has the shape of the accepted one', (kind) => {
  const theirs = accepted.entities.find(({ type }) => type.name === kind)
  expect(theirs).toBeDefined()
  for (const { type, data } of ours.entities) {
    if (type.name === kind) expect(shapeOf(data)).toEqual(shapeOf(theirs!.data))
  }
})

test('the pack has the keys of the accepted one, but those that Graylog adds itself', () => {
  const added = new Set(['created_at', 'server_version'])
  expect(Object.keys(ours).toSorted()).toEqual(
    Object.keys(accepted)
      .filter((key) => !added.has(key))
      .toSorted(),
  )
})
