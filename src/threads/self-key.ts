import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY_BYTES = 32

/**
 * The key of the marker on Tocsin's own log records (I12), made on the first start and kept in the
 * data folder, readable by the owner only: a replay must verify what was verified then.
 * A data folder that is made here is the owner's alone too: what senders sent is in it.
 */
export function selfKey(data: string): Buffer {
  const file = join(data, 'self.key')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  try {
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex')
    if (key.length !== KEY_BYTES) throw new Error(`${file} does not hold ${KEY_BYTES} bytes in hex`)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const key = randomBytes(KEY_BYTES)
    writeFileSync(file, `${key.toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
    return key
  }
}
