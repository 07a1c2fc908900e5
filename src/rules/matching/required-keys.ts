import type { Condition } from '../language/condition.ts'
import type { FieldTypes } from '../language/field-types.ts'
import { equalityKeys, type ValueKey } from './equality-keys.ts'

/** A key of one field's values. */
export interface FieldKey extends ValueKey {
  readonly field: string
}

/**
 * Keys of which every event that satisfies the condition has at least one, so that the condition
 * need be asked only of events that have one. `undefined` when it asks for no certain value. Where
 * several sets would do (the parts of an `all`), it is the one that `weigh` finds lightest, by sum.
 */
export function requiredKeys(
  condition: Condition,
  types: FieldTypes,
  weigh: (key: FieldKey) => number,
): readonly FieldKey[] | undefined {
  switch (condition.kind) {
    case 'nothing':
      return []
    case 'everything':
    case 'not':
    case 'exists':
    case 'prefix':
    case 'range':
    case 'contains':
    case 'starts_with':
    case 'ends_with':
      return undefined
    case 'term':
    case 'phrase':
    case 'equals': {
      const { field } = condition
      if (field === null) return undefined
      return equalityKeys(condition, types.get(field))?.map((key) => ({ field, ...key }))
    }
    case 'any': {
      const union = condition.of.map((part) => requiredKeys(part, types, weigh))
      return union.includes(undefined) ? undefined : (union as FieldKey[][]).flat()
    }
    case 'all': {
      let lightest: readonly FieldKey[] | undefined
      let least = Infinity
      for (const part of condition.of) {
        const keys = requiredKeys(part, types, weigh)
        if (keys === undefined) continue
        const weight = keys.reduce((sum, key) => sum + weigh(key), 0)
        if (weight >= least) continue
        least = weight
        lightest = keys
      }
      return lightest
    }
  }
}

/** Every key that {@link requiredKeys} may choose from, each as often as it is written. */
export function* writtenKeys(condition: Condition, types: FieldTypes): Generator<FieldKey> {
  if (condition.kind === 'all' || condition.kind === 'any') {
    for (const part of condition.of) yield* writtenKeys(part, types)
    return
  }
  yield* requiredKeys(condition, types, () => 0) ?? []
}

/** One text per key, for maps. */
export function keyName({ field, form, key }: FieldKey): string {
  return JSON.stringify([field, form, typeof key, String(key)])
}
