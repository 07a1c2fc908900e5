import { mkdirSync } from 'node:fs'

import { openJournalReader } from '../../ingest/journal/sqlite-journal.ts'
import { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { Clock, Timers } from '../../lib/clock.ts'
import { FencedError } from '../../model/commit.ts'
import type { Report } from '../../model/occurrence.ts'
import { openSqliteStore } from '../../store/sqlite/core-store.ts'
import { startTracing, stopTracing } from '../../telemetry/tracing.ts'
import { engineVersion } from '../engine-version.ts'
import type { CoreToIntake, FromCore, ToCore } from '../messages.ts'
import type { Port } from '../ports.ts'
import { rebuildHere, rebuildInThread } from '../rebuild/spare-rebuild.ts'
import { SpareRecompute } from '../recompute/spare-recompute.ts'
import { selfVerifier } from '../self-verifier.ts'
import { databaseFile, journalFolder } from '../thread-settings.ts'
import type { ThreadSettings } from '../thread-settings.ts'
import { BrokenInvariantError } from './broken-invariant.ts'
import { Core } from './core.ts'
import { decideWith } from './decide-with.ts'

/**
 * Opens the core on its ports: `main` for commands and reports, the others for what journal and
 * intakes deliver. Answers `ready` once the kept log has been run again, or `failed`.
 */
export async function hostCore(options: {
  readonly settings: ThreadSettings
  readonly clock: Clock
  readonly timers: Timers
  readonly main: Port<FromCore, ToCore>
  readonly journal: Port<never, ToCore>
  readonly intakes: readonly Port<CoreToIntake, ToCore>[]
  /** Whether edited rules are rebuilt, and late matches read back, in threads of their own. */
  readonly hasSpareThreads?: boolean
}): Promise<void> {
  const { settings, clock, timers, main, journal, intakes } = options
  const report: Report = (occurrence) => main.post({ kind: 'occurrence', occurrence })
  const fail = (error: Error): void => {
    const isFenced = error instanceof FencedError
    const isBroken = error instanceof BrokenInvariantError
    main.post({ kind: 'failed', message: error.message, isFenced, isBroken })
  }
  try {
    mkdirSync(settings.data, { recursive: true })
    const store = await openSqliteStore({ file: databaseFile(settings) })
    const decisions = decideWith(settings.routing)
    const spare = options.hasSpareThreads ? new SpareRecompute(settings, report) : undefined
    const rebuildIn = options.hasSpareThreads ? rebuildInThread : rebuildHere
    const rebuild = rebuildIn({ settings, report, fail })
    const tracing = await startTracing(settings.env, report)
    const core = new Core({
      store,
      journal: openJournalReader({ folder: journalFolder(settings), report }),
      event: new GelfEvent({ verifySelf: selfVerifier(settings.selfKey) }),
      clock,
      timers,
      engineVersion: engineVersion(),
      owner: settings.owner,
      decisions,
      rebuild,
      report,
      span: tracing.span,
      post: (message) => main.post(message),
      toIntake: (thread, message) => intakes[thread]?.post(message),
      onFatal: fail,
      ...(spare && { runRecompute: spare.run }),
    })
    const stop = async (): Promise<void> => {
      await Promise.all([core.stop(), spare?.stop()])
      await rebuild.stop()
      await stopTracing(tracing, timers)
    }
    main.listen((message) => {
      if (message.kind === 'stop') void stop().then(() => main.post({ kind: 'stopped' }), fail)
      else core.receive(message)
    })
    for (const port of [journal, ...intakes]) port.listen((message) => core.receive(message))
    await core.start()
  } catch (error) {
    fail(error as Error)
  }
}
