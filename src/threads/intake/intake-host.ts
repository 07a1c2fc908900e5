import type { Clock, Timers } from '../../lib/clock.ts'
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
  const fail = (error: Error): void => {
    main.post({ kind: 'failed', message: error.message, isFenced: false })
  }
  const intake = new Intake({
    thread,
    clock,
    timers,
    journal,
    core,
    report: (occurrence) => main.post({ kind: 'occurrence', occurrence }),
    verifySelf: selfVerifier(settings.selfKey),
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
