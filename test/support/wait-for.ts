/** Resolves with the first value that is not `undefined`, asked again and again; throws in the end. */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limitMs = 30_000,
): Promise<T> {
  const endMs = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > endMs) throw new Error(`waited ${limitMs} ms for ${what}`)
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
}
