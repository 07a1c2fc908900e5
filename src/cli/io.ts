/** How a command speaks to whoever called it; `main.ts` joins it to the process. */
export interface CliIo {
  out(line: string): void
  err(line: string): void
  readonly isTerminal: boolean
  /** 0 good, 1 a finding, 2 wrong use, unreadable input or invalid rules (design §9). */
  exit(code: number): void
}
