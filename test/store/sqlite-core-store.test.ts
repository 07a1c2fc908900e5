import { coreStoreContract } from '../contracts/core-store-contract.ts'
import { sqliteHarness } from './sqlite-harness.ts'

coreStoreContract('SQLite', sqliteHarness)
