import { describe, expect, it } from 'vitest'
import { ACCESS } from '../../src/http/access.ts'
import { harness } from './http-harness.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly security?: readonly object[]
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<Record<string, unknown>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
}

async function document(): Promise<Document> {
  const { call } = harness()
  return (await call('anonymous', 'GET', '/api/v1/openapi.json')).json()
}

describe('the OpenAPI document', () => {
  it('is the one that clients were generated from: change the golden file by hand', async () => {
    const text = `${JSON.stringify(await document(), null, 2)}\n`
    await expect(text).toMatchFileSnapshot('../golden/openapi.json')
  })

  it('is OpenAPI 3.1 with every reference resolved', async () => {
    const openapi = await document()
    expect(openapi.openapi).toBe('3.1.0')
    const references = [...JSON.stringify(openapi).matchAll(/"\$ref":"([^"]+)"/g)]
    expect(references.length).toBeGreaterThan(10)
    for (const [, reference = ''] of references) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1] ?? ''
      expect(Object.keys(openapi.components.schemas), reference).toContain(name)
    }
  })

  it('describes every route of the API, each under one name', async () => {
    const { paths } = await document()
    const described = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map(
        (method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      ),
    )
    const expected = Object.keys(ACCESS).filter(
      (route) => /(\/api\/v1\/|\/health\/|\/metrics)/.test(route) && !/openapi/.test(route),
    )
    expect(described.toSorted()).toEqual(expected.toSorted())
    const ids = operations(paths).map((operation) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain(undefined)
  })

  it('declares every parameter of a path, and answers for every operation', async () => {
    const { paths } = await document()
    for (const [path, byMethod] of Object.entries(paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      for (const operation of Object.values(byMethod)) {
        const declared = (operation.parameters ?? [])
          .filter((parameter) => parameter.in === 'path')
          .map((parameter) => parameter.name)
        expect(declared, operation.operationId).toEqual(inPath)
        expect(Object.keys(operation.responses), operation.operationId).toContain('200')
        expect(operation.summary, operation.operationId).toMatch(/./)
      }
    }
  })

  it('names what never leaves nowhere', async () => {
    const text = JSON.stringify(await document())
    expect(text).not.toMatch(/openKey|dedupHash|groupKey|openedRef/)
  })
})

function operations(paths: Document['paths']): readonly Operation[] {
  return Object.values(paths).flatMap((byMethod) => Object.values(byMethod))
}
