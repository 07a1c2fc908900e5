/** What a long-running command needs of the process; `main.ts` alone touches it. */
export interface Runtime {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Host and process, for people. */
  readonly owner: string
  readonly version: string
  readonly cwd: string
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', handler: () => void): void
  /** Resolves after `ms`; for shutdowns that hang. */
  deadline(ms: number): Promise<void>
}
