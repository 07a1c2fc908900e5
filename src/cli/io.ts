/** How a command speaks to whoever called it; `main.ts` joins it to the process. */
export interface CliIo {
  out(line: string): void
  err(line: string): void
  readonly isTerminal: boolean
  /** Shows a line that the next output replaces; only where a terminal is, '' clears it. */
  status?(text: string): void
  /** The environment, for commands that may be told by it (`TOCSIN_URL`, `TOCSIN_TOKEN`). */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** 0 good, 1 a finding, 2 wrong use, unreadable input or invalid rules (design §9). */
  exit(code: number): void
}
