import type {
  FromCore,
  FromIntake,
  FromJournal,
  InputSettings,
  ToCore,
  ToIntake,
  ToJournal,
} from './messages.ts'
import type { Port } from './ports.ts'

/** Main's ends of the channels to the other threads, however they are run. */
export interface Threads {
  readonly core: Port<ToCore, FromCore>
  readonly journal: Port<ToJournal, FromJournal>
  readonly intakes: readonly Port<ToIntake, FromIntake>[]
  /** Ends the threads at once; call after each has answered `stopped`. */
  end(): Promise<void>
}

/** Deals the inputs to the intake threads, one input to one thread, round and round. */
export function dealInputs(
  inputs: readonly InputSettings[],
  threads: number,
): readonly (readonly InputSettings[])[] {
  const dealt: InputSettings[][] = Array.from({ length: threads }, () => [])
  for (const [i, input] of inputs.entries()) dealt[i % threads]!.push(input)
  return dealt
}
