import { failureContract } from '../contracts/failure-contract.ts'
import { sqliteHarness } from './sqlite-harness.ts'

failureContract('SQLite', sqliteHarness)
