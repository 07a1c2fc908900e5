import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { CoreStore } from '../../src/model/commit.ts'
import { COLUMNS } from '../../src/store/columns.ts'
import { openSqliteStore } from '../../src/store/sqlite/core-store.ts'
import { openSqliteReaders } from '../../src/store/sqlite/readers.ts'
import type { StoreHarness } from '../contracts/store-harness.ts'

/** An embedded database in a folder of its own. */
export async function sqliteHarness(): Promise<StoreHarness & { readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-store-'))
  const file = join(folder, 'tocsin.db')
  const stores: CoreStore[] = []
  const open = async (): Promise<CoreStore> => {
    const store = await openSqliteStore({ file })
    stores.push(store)
    return store
  }
  await open()
  const readers = openSqliteReaders({ file })
  return {
    file,
    open,
    ...readers,
    dump: async () => dumpSqlite(file),
    async close() {
      await readers.close()
      for (const store of stores) await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** Every row of every table, read by SQLite itself rather than by what is tested. */
export function dumpSqlite(file: string): Record<string, Record<string, unknown>[]> {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return Object.fromEntries(
      Object.entries(COLUMNS).map(([table, columns]) => {
        const order = Object.keys(columns).map((column) => `"${column}"`)
        const rows = database.prepare(`SELECT * FROM "${table}" ORDER BY ${order.join(', ')}`).all()
        return [table, rows.map((row) => ({ ...row }))]
      }),
    )
  } finally {
    database.close()
  }
}
