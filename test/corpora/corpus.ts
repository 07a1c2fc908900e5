import { existsSync } from 'node:fs'

/** Path of a file of the shared material; says clearly when it is not there. */
export function corpus(path: string): string {
  const full = `../shared/corpora/${path}`
  if (!existsSync(full)) {
    throw new Error(`${full} is missing: corpus tests need the shared material beside the project`)
  }
  return full
}
