import type { Clock, Timers } from '../lib/clock.ts'
import { hostCore } from './core/core-host.ts'
import { hostIntake } from './intake/intake-host.ts'
import { hostJournal } from './journal/journal-host.ts'
import type {
  CoreToIntake,
  FromCore,
  FromIntake,
  FromJournal,
  ToCore,
  ToIntake,
  ToJournal,
} from './messages.ts'
import { localPair } from './ports.ts'
import type { ThreadSettings } from './thread-settings.ts'
import type { Threads } from './threads.ts'

/**
 * All parts in the caller's thread, by the same messages in the same order: the stand-in that
 * tests use, with their own clock.
 */
export function startOneThread(
  settings: ThreadSettings,
  time: { readonly clock: Clock; readonly timers: Timers },
): Threads {
  const [mainToCore, core] = localPair<ToCore, FromCore>()
  const [mainToJournal, journal] = localPair<ToJournal, FromJournal>()
  const [mainToIntake, intake] = localPair<ToIntake, FromIntake>()
  const [journalToCore, coreFromJournal] = localPair<ToCore, never>()
  const [intakeToCore, coreFromIntake] = localPair<ToCore, CoreToIntake>()
  const [intakeToJournal, journalFromIntake] = localPair<ToJournal, FromJournal>()

  hostJournal({
    settings,
    ...time,
    main: journal,
    core: journalToCore,
    intakes: [journalFromIntake],
  })
  hostIntake({
    settings,
    thread: 0,
    ...time,
    main: intake,
    journal: intakeToJournal,
    core: intakeToCore,
  })
  void hostCore({
    settings,
    ...time,
    main: core,
    journal: coreFromJournal,
    intakes: [coreFromIntake],
  })
  const ports = [mainToCore, mainToJournal, mainToIntake]
  return {
    core: mainToCore,
    journal: mainToJournal,
    intakes: [mainToIntake],
    end() {
      for (const port of ports) port.close()
      return Promise.resolve()
    },
  }
}
