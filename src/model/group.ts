import type { FieldValue } from './event.ts'

/** The values of a rule's `group_by` fields by field name; empty for a rule without groups. */
export type Group = Readonly<Record<string, string>>

/**
 * The canonical text of a group: the JSON array of its values as text, in the order of
 * `group_by`. Equal groups have equal text, and the text is what is hashed, stored and compared.
 */
export type GroupKey = string

/** Group of a rule without `group_by`. */
export const NO_GROUP: GroupKey = '[]'

export function groupKey(values: readonly FieldValue[]): GroupKey {
  if (values.length === 1) return `[${JSON.stringify(String(values[0]))}]`
  return JSON.stringify(values.map(String))
}

/** The group behind a key, named by the rule's `group_by`. */
export function groupOf(groupBy: readonly string[], key: GroupKey): Group {
  const values = JSON.parse(key) as string[]
  return Object.fromEntries(groupBy.map((name, i) => [name, values[i] ?? '']))
}
