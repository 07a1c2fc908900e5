import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FieldValue } from '../model/event.ts'

/**
 * Fields that are no part of a marker: the time stands apart, what we note ourselves, and what
 * Graylog adds to every record that it passes on (measured on 7.0.1 and 3.3.11).
 */
const UNCOVERED = new Set([
  'timestamp',
  'version',
  'tocsin_self',
  'tocsin_flags',
  'graylog_id',
  'forwarder',
  'gl2_accounted_message_size',
  'gl2_message_id',
  'gl2_processing_duration_ms',
  'gl2_processing_timestamp',
  'gl2_receive_timestamp',
  'gl2_remote_hostname',
  'gl2_remote_ip',
  'gl2_remote_port',
  'gl2_source_input',
  'gl2_source_node',
])

/**
 * What the marker of one of our own log records covers (I12): when, and every field that a
 * condition could read, as text and in the order of their names. So nobody can hide a field of
 * their own behind a marker that was copied; an exact copy of one of our records is all they have.
 */
export function selfMaterial(
  timestampMs: number,
  fields: Readonly<Record<string, FieldValue>>,
): string {
  const covered = Object.entries(fields)
    .filter(([name]) => !UNCOVERED.has(name))
    .map(([name, value]) => [name, String(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([Math.round(timestampMs), covered])
}

/** HMAC-SHA256 of the material as lower-case hexadecimal: the field `_tocsin_self`. */
export function selfMarker(key: Uint8Array, material: string): string {
  return createHmac('sha256', key).update(material, 'utf8').digest('hex')
}

/** Whether a marker is ours. Takes the same time for every wrong marker of the right length. */
export function verifySelfMarker(key: Uint8Array, marker: string, material: string): boolean {
  const expected = Buffer.from(selfMarker(key, material), 'utf8')
  const given = Buffer.from(marker, 'utf8')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
