import { oldNewsContract } from '../contracts/old-news-contract.ts'
import { sqliteHarness } from './sqlite-harness.ts'

oldNewsContract('SQLite', sqliteHarness)
