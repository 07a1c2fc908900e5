import { createServer } from 'node:net'

/**
 * Free ports that no outgoing connection takes while their server is down, because they lie below
 * the range that systems hand out (32,768 and up). Each call begins somewhere else, so that test
 * files that run at the same time do not try the same ones.
 */
export async function portsBelowEphemeral(count: number): Promise<number[]> {
  const found: number[] = []
  const first = 15_000 + Math.floor(Math.random() * 15_000)
  for (let port = first; found.length < count && port < first + 2_000; port++) {
    if (await isFree(port)) found.push(port)
  }
  if (found.length < count) throw new Error(`no ${count} free ports from ${first} on`)
  return found
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
