import type { Condition } from '../language/condition.ts'
import type { FieldTypes } from '../language/field-types.ts'
import { valueNeed, type ValueKey, type ValueNeed } from './value-keys.ts'

/** A key of one field's values. */
export interface FieldKey extends ValueKey {
  readonly field: string
}

/** What an event that satisfies a condition must have: a key, one of several, or all of them. */
export type Need = FieldKey | { readonly form: 'any' | 'all'; readonly of: readonly Need[] }

/** `undefined` when nothing that could be looked up is needed, so that the condition must be asked. */
export function needOf(condition: Condition, types: FieldTypes): Need | undefined {
  switch (condition.kind) {
    case 'nothing':
      return { form: 'any', of: [] }
    case 'everything':
    case 'not':
      return undefined
    case 'any': {
      const of = condition.of.map((part) => needOf(part, types))
      return of.includes(undefined) ? undefined : { form: 'any', of: of as Need[] }
    }
    case 'all': {
      const of = condition.of
        .map((part) => needOf(part, types))
        .filter((part) => part !== undefined)
      return of.length === 0 ? undefined : { form: 'all', of }
    }
    case 'exists':
    case 'term':
    case 'phrase':
    case 'prefix':
    case 'range':
    case 'equals':
    case 'contains':
    case 'starts_with':
    case 'ends_with': {
      const { field } = condition
      const need = field === null ? undefined : valueNeed(condition, types.get(field))
      return need && inField(need, field!)
    }
  }
}

/** Every key in it, each as often as it stands there. */
export function* keysIn(need: Need): Generator<FieldKey> {
  if (!('of' in need)) yield need
  else for (const part of need.of) yield* keysIn(part)
}

/**
 * Keys of which every event that has what is needed has at least one: the lightest such set, and
 * what it weighs. A set weighs as much as its keys together.
 */
export function lightestKeys(
  need: Need,
  weigh: (key: FieldKey) => number,
): { readonly keys: readonly FieldKey[]; readonly weight: number } {
  if (!('of' in need)) return { keys: [need], weight: weigh(need) }
  const sets = need.of.map((part) => lightestKeys(part, weigh))
  if (need.form === 'all')
    return sets.reduce((best, set) => (set.weight < best.weight ? set : best))
  const weight = sets.reduce((sum, set) => sum + set.weight, 0)
  return { keys: sets.flatMap(({ keys }) => keys), weight }
}

/** A text by which keys are counted; that two unlike ones could share it does no harm there. */
export function keyName({ field, form, key }: FieldKey): string {
  return `${form} ${field} ${String(key)}`
}

function inField(need: ValueNeed, field: string): Need {
  if (!('of' in need)) return { field, ...need }
  return { form: need.form, of: need.of.map((part) => inField(part, field)) }
}
