import { join } from 'node:path'

import type { JournalSettings } from '../ingest/journal/settings.ts'
import type { Routing } from './messages.ts'

/** What the threads are built from: plain data, so that it can be handed to a worker. */
export interface ThreadSettings {
  /** Data folder: the journal's segments and the database. */
  readonly data: string
  readonly journal: JournalSettings
  readonly routing: Routing
  /** Key of the marker on Tocsin's own log records (I12), hexadecimal. */
  readonly selfKey: string
  /** Who owns the shard, for people: host and process. */
  readonly owner: string
  /** The standard `OTEL_…` variables; nothing else of the environment travels. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export function databaseFile(settings: Pick<ThreadSettings, 'data'>): string {
  return join(settings.data, 'tocsin.db')
}

export function journalFolder(settings: Pick<ThreadSettings, 'data'>): string {
  return join(settings.data, 'journal')
}
