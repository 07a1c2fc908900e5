import { journalContract } from '../../contracts/journal-contract.ts'
import { sqliteHarness } from './sqlite-harness.ts'

journalContract('SQLite segments', sqliteHarness)
