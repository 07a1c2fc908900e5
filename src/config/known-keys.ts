import type { z } from 'zod'

/** What the walk needs to know of a zod schema's definition, whatever its kind. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly element?: z.core.$ZodType
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly valueType?: z.core.$ZodType
}

/**
 * The keys that a strict object of the schema knows at `path`, for "did you mean". Looks through
 * defaults, optionals, transforms and arrays; of a union it joins the options' keys.
 */
export function knownKeys(
  schema: z.core.$ZodType,
  path: readonly (string | number)[],
): readonly string[] {
  const definition = schema._zod.def as unknown as Definition
  const inner = definition.innerType ?? definition.in
  if (inner !== undefined) return knownKeys(inner, path)
  if (definition.options !== undefined) {
    return [...new Set(definition.options.flatMap((option) => knownKeys(option, path)))]
  }
  const [step, ...rest] = path
  if (definition.shape !== undefined) {
    if (step === undefined) return Object.keys(definition.shape)
    const member = definition.shape[String(step)]
    return member === undefined ? [] : knownKeys(member, rest)
  }
  const next = definition.element ?? definition.valueType
  return next === undefined || step === undefined ? [] : knownKeys(next, rest)
}
