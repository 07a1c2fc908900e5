/** `docs/reference/api.md` against the access table, the problems and the OpenAPI document. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

import { ACCESS, ROLES } from '../../src/http/access.ts'
import { HttpProblem, problemNameOf } from '../../src/http/http-problem.ts'
import { PHASES } from '../../src/model/incident.ts'
import { codeIn, codesIn, readPage, rowsOf } from './page.ts'

const page = readPage('api')
const routes = rowsOf(page, 'route', 'role')

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: BodySchema }>>
  }
}

interface BodySchema {
  readonly properties?: Readonly<Record<string, unknown>>
}

const { paths } = JSON.parse(
  readFileSync(new URL('../golden/openapi.json', import.meta.url), 'utf8'),
) as { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> }

describe('the page of the API', () => {
  it('names exactly the routes, with their roles', () => {
    const named = routes.map((row) => [codeIn(row['route']!), codeIn(row['role']!)])
    expect(Object.fromEntries(named)).toEqual(ACCESS)
    expect(named).toHaveLength(Object.keys(ACCESS).length)
  })

  it('names the roles in their order', () => {
    const [sentence] = /A token has roles: [^;]+/.exec(page.text)!
    expect(codesIn(sentence)).toEqual([...ROLES])
  })

  it.each(routes.map((row) => [codeIn(row['route']!), row['does']!]))(
    'names the parameters and the body of %s',
    (route, does) => {
      const [method, path] = route.split(' ') as [string, string]
      const operation = paths[path.replace(':id', '{id}')]?.[method.toLowerCase()]
      if (operation === undefined) return expect(path).not.toMatch(/^\/api\/v1\/(?!openapi)/)
      const paged = ['limit', 'cursor']
      const query = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'query' && !paged.includes(parameter.name))
        .map(({ name }) => name)
      const bodies = Object.values(operation.requestBody?.content ?? {})
      const members = bodies.flatMap(({ schema }) => Object.keys(schema.properties ?? {}))
      for (const name of query) expect(does).toContain(`\`${name}\``)
      if (members.length > 0) {
        const written = members.map((name) => `"${name}"`).join(',')
        expect(does).toContain(`\`{${written}}\``)
      }
    },
  )

  it('names exactly the problems', () => {
    const named = rowsOf(page, 'status', 'type').map((row) => [
      Number(row['status']),
      codeIn(row['type']!),
    ])
    const known = Array.from({ length: 200 }, (_, i) => 400 + i).flatMap((status) => {
      const problem = new HttpProblem(problemNameOf(status), '')
      return problem.status === status ? [[status, problem.body('').type]] : []
    })
    expect(named).toEqual(known)
  })

  it('names the phases in their order', () => {
    const [sentence] = /Phases go one forward at a time, [^,]+/.exec(page.text)!
    expect(codesIn(sentence)).toEqual([...PHASES])
  })

  it('says what a list takes', () => {
    const { parameters } = paths['/api/v1/incidents']!['get'] as unknown as {
      parameters: { name: string; schema: Record<string, unknown> }[]
    }
    const { schema } = parameters.find(({ name }) => name === 'limit')!
    expect(page.text).toContain(
      `\`limit\` (${String(schema['minimum'])} to ${String(schema['maximum'])}, default ${String(schema['default'])})`,
    )
  })
})
