import { REMEMBERED_MAX, REMEMBERED_MS } from '../../ingest/gelf/idempotency.ts'
import type { JournalRequest } from '../../ingest/journal/journal.ts'
import { openJournalReader } from '../../ingest/journal/sqlite-journal.ts'
import type { Clock, Timers } from '../../lib/clock.ts'
import type { Report } from '../../model/occurrence.ts'
import type {
  CoreToIntake,
  FromIntake,
  FromJournal,
  ToCore,
  ToIntake,
  ToJournal,
} from '../messages.ts'
import type { Port } from '../ports.ts'
import { selfVerifier } from '../self-verifier.ts'
import { journalFolder } from '../thread-settings.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { Intake } from './intake.ts'

/** Opens one intake on its ports and answers main's `rules`, `open` and `stop` in order. */
export function hostIntake(options: {
  readonly settings: ThreadSettings
  readonly thread: number
  readonly clock: Clock
  readonly timers: Timers
  readonly main: Port<FromIntake, ToIntake>
  readonly journal: Port<ToJournal, FromJournal>
  readonly core: Port<ToCore, CoreToIntake>
}): void {
  const { settings, thread, clock, timers, main, journal, core } = options
  const report: Report = (occurrence) => main.post({ kind: 'occurrence', occurrence })
  const fail = (error: Error): void => {
    main.post({ kind: 'failed', message: error.message, isFenced: false })
  }
  const intake = new Intake({
    thread,
    clock,
    timers,
    journal,
    core,
    report,
    verifySelf: selfVerifier(settings.selfKey),
    requests: () => keptRequests(settings, clock, report),
    onFatal: fail,
  })
  main.listen((message) => {
    switch (message.kind) {
      case 'rules':
        intake.activate(message)
        break
      case 'open':
        intake
          .start(message.inputs, message.epoch)
          .then((inputs) => main.post({ kind: 'listening', inputs }), fail)
        break
      case 'stop':
        intake.stop().then(() => main.post({ kind: 'stopped' }), fail)
        break
    }
  })
}

/** What the journal remembers of requests; read once, before the inputs open. */
function keptRequests(settings: ThreadSettings, clock: Clock, report: Report): JournalRequest[] {
  const reader = openJournalReader({ folder: journalFolder(settings), report })
  try {
    return reader.requestsSince(clock() - REMEMBERED_MS, REMEMBERED_MAX)
  } finally {
    reader.close()
  }
}
