import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/**
 * A hash over names and bytes of all files below a folder: any change changes it, a comment too,
 * and it needs no history.
 */
export function fingerprint(root: string, folder: string): string {
  const hash = createHash('sha256')
  for (const file of filesBelow(join(root, folder))) {
    const name = relative(root, file).split(sep).join('/')
    const bytes = readFileSync(file)
    hash.update(`${name}\n${bytes.length}\n`).update(bytes)
  }
  return hash.digest('hex').slice(0, 16)
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
