import { adoptionContract } from '../contracts/adoption-contract.ts'
import { sqliteHarness } from './sqlite-harness.ts'

adoptionContract('SQLite', sqliteHarness)
