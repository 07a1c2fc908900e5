import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import { columnTypes, type Dialect } from './column-types.ts'

/** Where a rule set came from, when its folder is a git checkout; null for those already there. */
export function rulesetOrigin(dialect: Dialect): Migration {
  const types = columnTypes(dialect)
  const columns = {
    git_commit: types.text,
    is_dirty: types.integer,
    pull_request: types.integer,
    approver: types.text,
  }
  return {
    async up({ schema }: Kysely<never>) {
      // One column for each statement is all that SQLite can add.
      for (const [column, type] of Object.entries(columns)) {
        await schema.alterTable('ruleset').addColumn(column, type).execute()
      }
    },
  }
}
