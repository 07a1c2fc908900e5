/** What the soak runs: each a promise that needs more time than `.ci/run` has. */
export interface Subject {
  readonly name: string
  /** What has held when it has passed; one sentence. */
  readonly promise: string
  /** How long it takes on two calm cores, roughly. */
  readonly minutes: number
  /** How much of it there is: `--seeds 50` runs less, and is no soak. */
  readonly size: { readonly unit: string; readonly full: number }
  /** Folders whose change makes a result old; with `days`, of which it only keeps fingerprints. */
  readonly folders: readonly string[]
  /** How many days a result stands whatever changed, where the simulation covers every change. */
  readonly days?: number
  command(size: number): Command
}

/** A program that closes with a line of figures, or a file of tests that reads its size from `env`. */
export type Command =
  | { readonly kind: 'program'; readonly arguments: readonly string[] }
  | {
      readonly kind: 'tests'
      readonly project: string
      readonly file: string
      readonly env: Readonly<Record<string, string>>
    }

/** What every promise about detection rests on. */
const CORE = ['src/rules', 'src/store', 'src/threads']

/** A new subject is a new row: nothing else has to be told of it. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: 'simulation',
    promise: 'every promise holds in simulated worlds with crashes, take-overs and broken clocks',
    minutes: 20,
    size: { unit: 'seeds', full: 20_000 },
    folders: CORE,
    command: (size) => ({
      kind: 'program',
      arguments: ['test/simulation/main.ts', '--seeds', String(size), '--progress'],
    }),
  },
  {
    name: 'power-cut',
    promise: 'nothing that was acknowledged is lost when the power goes',
    minutes: 5,
    size: { unit: 'images', full: 50 },
    days: 30,
    folders: [...CORE, 'src/ingest/journal'],
    command: (size) => ({
      kind: 'tests',
      project: 'services',
      file: 'test/services/power-cut.test.ts',
      env: { TOCSIN_POWER_CUT_IMAGES: String(size) },
    }),
  },
  {
    name: 'reload-under-fire',
    promise: 'no incident is missing or doubled over reloads under load and kills within them',
    minutes: 5,
    size: { unit: 'reloads', full: 50 },
    days: 30,
    folders: CORE,
    command: (size) => ({
      kind: 'tests',
      project: 'acceptance',
      file: 'test/acceptance/reload-under-fire.test.ts',
      env: { TOCSIN_RELOADS: String(size) },
    }),
  },
]
