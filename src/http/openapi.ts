import swagger from '@fastify/swagger'
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
} from 'fastify-type-provider-zod'
import type { App } from './app.ts'
import { noQuery } from './requests.ts'
import { apiSchemas } from './schemas.ts'

/** Collects the routes' schemas; to be registered before the routes. */
export async function registerOpenApi(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tocsin',
        version,
        description:
          'Incidents opened from logs. Times are integer milliseconds UTC; lists are newest first and paged by `cursor`; every failure is a problem (RFC 9457).',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'A token made by `tocsin init`.' },
        },
      },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ schemaRegistry: apiSchemas, zodToJsonConfig }),
    transformObject: (document) => withoutUnused(toComponents(document)),
  })
}

/**
 * `readonly` is a promise of our code, not a property of the answer; and an answer may grow, so
 * only what we take in (strict objects) is closed.
 */
const zodToJsonConfig: NonNullable<
  Parameters<typeof createJsonSchemaTransform>[0]['zodToJsonConfig']
> = {
  override: ({ zodSchema, jsonSchema }) => {
    delete jsonSchema.readOnly
    const { def } = zodSchema._zod
    if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties
  },
}

const toComponents = createJsonSchemaTransformObject({
  schemaRegistry: apiSchemas,
  zodToJsonConfig,
})

/** Each schema is given twice, as input and as output; what no route names is left out. */
function withoutUnused(document: ReturnType<typeof toComponents>): ReturnType<typeof toComponents> {
  if (!('components' in document)) return document
  const schemas = document.components?.schemas ?? {}
  // Dropping one can leave another without a name that points to it.
  for (let dropped = true; dropped;) {
    const text = JSON.stringify(document)
    const unused = Object.keys(schemas).filter((name) => !text.includes(`/schemas/${name}"`))
    for (const name of unused) delete schemas[name]
    dropped = unused.length > 0
  }
  return document
}

/** The document itself, for generators of clients; it holds nothing that the source does not. */
export function openApiRoute(app: App): void {
  app.get('/api/v1/openapi.json', {
    schema: { hide: true, querystring: noQuery },
    handler: async (_, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())),
  })
}
