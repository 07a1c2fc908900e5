/** What a long-running command needs of the process; `main.ts` alone touches it. */
export interface Runtime {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Host and process, for people. */
  readonly owner: string
  readonly version: string
  readonly cwd: string
  onSignal(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', handler: () => void): void
  /** Shows a line that the next output replaces; only on a terminal, '' clears it. */
  status(text: string): void
  sleep(ms: number): Promise<void>
  /** Like `sleep`, for shutdowns that hang: does not keep the process alive. */
  deadline(ms: number): Promise<void>
  /** Ends the process now, whatever still runs in it. */
  end(code: number): void
}
