import { existsSync } from 'node:fs'

import { openReader } from './connection.ts'

/** Sees from outside whether anybody still commits to a database. */
export interface Activity {
  /** Changes whenever another connection has committed; `undefined` while there is no database. */
  read(): number | undefined
  close(): void
}

/** Watches SQLite's own counter (`PRAGMA data_version`), so watching costs the owner nothing. */
export function watchActivity(file: string): Activity {
  let database: ReturnType<typeof openReader> | undefined
  return {
    read() {
      if (database === undefined) {
        if (!existsSync(file)) return undefined
        database = openReader(file)
      }
      const row = database.prepare('PRAGMA data_version').get()
      return Number(row?.['data_version'])
    },
    close() {
      database?.close()
    },
  }
}
