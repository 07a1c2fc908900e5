import { GRAYLOG_FIELDS, type FieldType } from '../../model/ruleset.ts'

/** How conditions read each field. A field that is not in it is read as its value asks. */
export type FieldTypes = ReadonlyMap<string, FieldType>

/** The declared types over Graylog's own; `tocsin_flags` holds one word per flag. */
export function fieldTypes(declared: Readonly<Record<string, FieldType>>): FieldTypes {
  return new Map<string, FieldType>([
    ...Object.entries(GRAYLOG_FIELDS),
    ['tocsin_flags', 'text'],
    ...Object.entries(declared),
  ])
}
