/** Entry point of the thread that reads late matches back: one pass, then it ends. */
import { parentPort, workerData } from 'node:worker_threads'

import { openJournalReader } from '../../ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import { parseRules } from '../core/loaded-rules.ts'
import { runRecompute } from '../core/recompute-run.ts'
import type { FromRecompute, RecomputeWork } from './spare-recompute.ts'
import { selfVerifier } from '../self-verifier.ts'
import { journalFolder } from '../thread-settings.ts'

const { settings, content, task } = workerData as RecomputeWork
const post = (message: FromRecompute): void => parentPort!.postMessage(message)

const journal = openJournalReader({
  folder: journalFolder(settings),
  report: (occurrence) => post({ kind: 'occurrence', occurrence }),
})
try {
  const event = new GelfEvent({ verifySelf: selfVerifier(settings.selfKey) })
  const outcome = await runRecompute({ journal, event }, parseRules(content), task)
  post({ kind: 'done', outcome })
} finally {
  journal.close()
}
