import { rebuildHere, rebuildInThread } from '../../../src/threads/rebuild/spare-rebuild.ts'
import { rebuildContract } from '../../contracts/rebuild-contract.ts'

rebuildContract('in the thread of the caller', rebuildHere)
rebuildContract('in a thread of its own', rebuildInThread)
