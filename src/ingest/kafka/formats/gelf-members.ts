import type { JsonMember } from './json-members.ts'

/** Names with a meaning of their own in GELF, or none that is kept; a record's own get a prefix. */
const GELF_NAMES = new Set([
  'host',
  'short_message',
  'timestamp',
  'source',
  'message',
  'version',
  '_id',
])

/**
 * A member of a record as a member of a GELF message, with a comma before it: under its own path,
 * so that it is a field of that name; `json_` before a name that would be taken for something else.
 */
export function gelfMember({ path, source }: JsonMember): string {
  if (GELF_NAMES.has(path) || path.startsWith('kafka_')) return `,"json_${path}":${source}`
  // GELF takes the first underscore away.
  return `,"${path.startsWith('_') ? '_' : ''}${path}":${source}`
}

/** Whether a member's value says something: no null, no empty text. */
export function isSpoken(source: string | undefined): source is string {
  return source !== undefined && source !== 'null' && !/^"\s*"$/.test(source)
}

/** A member's value as a JSON text: a text as it is, anything else in quotes. */
export function asText(source: string): string {
  return source.startsWith('"') ? source : JSON.stringify(source)
}
