import { readModelContract } from '../contracts/read-model-contract.ts'
import { sqliteHarness } from './sqlite-harness.ts'

readModelContract('SQLite', sqliteHarness)
