import { join } from 'node:path'

import type { Routing } from './messages.ts'

/** What the threads are built from: plain data, so that it can be handed to a worker. */
export interface ThreadSettings {
  /** Data folder: the journal's segments and the database. */
  readonly data: string
  readonly journal: JournalLimits
  readonly routing: Routing
  /** Key of the marker on Tocsin's own log records (I12), hexadecimal. */
  readonly selfKey: string
  /** Who owns the shard, for people: host and process. */
  readonly owner: string
}

/** Retention and segment sizes of the journal. */
export interface JournalLimits {
  readonly maxAgeMs: number
  readonly maxBytes: number
  readonly segmentBytes: number
  readonly segmentMs: number
}

export function databaseFile(settings: Pick<ThreadSettings, 'data'>): string {
  return join(settings.data, 'tocsin.db')
}

export function journalFolder(settings: Pick<ThreadSettings, 'data'>): string {
  return join(settings.data, 'journal')
}
