import { createPlainMatcher } from '../../../src/rules/matching/plain-matcher.ts'
import { matcherContract } from '../../contracts/matcher-contract.ts'

matcherContract('plain', createPlainMatcher)
