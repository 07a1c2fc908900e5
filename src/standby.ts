const POLL_MS = 1_000

/**
 * Waits until the owner of a shard has been silent for `silentMs`: nothing was committed, not even
 * the checkpoint that a living owner writes every ten seconds. Counted in polls, not by the wall
 * clock, which may be set. A mistake costs nothing but the take-over: the former owner is fenced
 * by its epoch (I4). Resolves with `false` when `signal` aborts first.
 */
export async function untilSilent(options: {
  /** Changes whenever somebody committed; `undefined` while there is no database. */
  readonly read: () => number | undefined
  readonly silentMs: number
  readonly sleep: (ms: number) => Promise<void>
  readonly signal: AbortSignal
}): Promise<boolean> {
  const { read, silentMs, sleep, signal } = options
  let last = read()
  for (let silent = 0; silent < silentMs;) {
    await sleep(POLL_MS)
    if (signal.aborted) return false
    const now = read()
    silent = now === last ? silent + POLL_MS : 0
    last = now
  }
  return true
}
