import type { Clock, Timers } from './lib/clock.ts'

/** What the composition root is given; everything that touches the machine comes in here. */
export interface AppOptions {
  /** Path of `tocsin.yaml`. */
  readonly configFile: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly timers: Timers
  /** In [0, 1): jitter of retries. */
  readonly random: () => number
  /** Workers in production; one thread in tests that turn the clock. */
  readonly threads: 'workers' | 'one'
  /** Where log lines go. */
  readonly log: { write(line: string): void }
  /** Who owns the shard, for people: host and process. */
  readonly owner: string
  readonly version: string
}

/** Where the running service can be reached. */
export interface AppAddresses {
  readonly http: { readonly host: string; readonly port: number }
  readonly inputs: readonly {
    readonly name: string
    readonly host: string
    readonly port: number
  }[]
}
