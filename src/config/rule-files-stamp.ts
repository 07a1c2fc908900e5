import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { sha256Hex } from '../lib/canonical.ts'
import { DEPTH_MAX, FILES_MAX, isPassedOver, isRuleFile } from './rule-files.ts'

/**
 * What the file system says of all rule files that the paths name, without reading one: equal
 * stamps mean that no content changed, but for a change within the clock tick of another. It lets
 * others in between, as there may be thousands.
 */
export async function ruleFilesStamp(paths: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const path of paths) await look(path, 0, lines)
  return sha256Hex(lines.join('\n'))
}

async function look(path: string, depth: number, lines: string[]): Promise<void> {
  if (lines.length > FILES_MAX || depth > DEPTH_MAX) return
  try {
    const found = await stat(path)
    if (!found.isDirectory()) {
      const { ino, size, mtimeMs, ctimeMs } = found
      lines.push(JSON.stringify([path, ino, size, mtimeMs, ctimeMs]))
      return
    }
    const entries = await readdir(path, { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      // A link is looked at as what it leads to; `readRuleFiles` does not follow one to a folder.
      const isFolder = entry.isDirectory()
      if (isFolder ? isPassedOver(entry.name) : !isRuleFile(entry.name)) continue
      await look(join(path, entry.name), depth + 1, lines)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    lines.push(JSON.stringify([path, code]))
  }
}
