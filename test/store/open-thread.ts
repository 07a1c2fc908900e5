/** Opens a database as its writer, in a thread of its own, and closes it again. */
import { workerData } from 'node:worker_threads'
import { openWriter } from '../../src/store/sqlite/connection.ts'

const database = await openWriter((workerData as { file: string }).file)
database.close()
