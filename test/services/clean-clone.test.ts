/**
 * The README's first command from a clean clone, with only git, npm and Node 20 on the path: what
 * is missing is brought, and the demo tells its story. Clones what is committed, downloads from
 * the npm registry.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')

/** Where a Node is looked for that is too old for Tocsin but good enough to bring another. */
const PLACES = ['/usr/bin', '/usr/local/bin', ...(process.env['PATH'] ?? '').split(':')]

/** What POSIX gives every shell script; no Node, npm or git among them. */
const POSIX =
  'sh env dirname cat uname tr find mkdir rm sleep touch echo printf test cp ls chmod sed expr'.split(
    ' ',
  )

/** How npm reaches its registry on this machine. */
const NETWORK = /^(HOME|(https?|no|all)_proxy|npm_config_(registry|cafile)|NODE_EXTRA_CA_CERTS)$/i

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-clone-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('npm run demo -- --once tells its story from a clean clone with git, npm and Node 20', async () => {
  const clone = join(folder, 'tocsin')
  const env = bareEnvironment()
  expect(execFileSync('node', ['--version'], { env }).toString()).toMatch(/^v2[0-3]\./)
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', ROOT, clone], { env })
  expect(readdirSync(clone)).not.toContain('node_modules')

  const demo = spawn('npm', ['run', 'demo', '--', '--once'], { cwd: clone, env })
  const lines: { readonly text: string; readonly atMs: number }[] = []
  const note = (chunk: Buffer): void => {
    for (const text of chunk.toString().split('\n')) lines.push({ text, atMs: Date.now() })
  }
  demo.stdout.on('data', note)
  demo.stderr.on('data', note)
  const [code] = (await once(demo, 'close')) as [number | null]
  const said = lines.map(({ text }) => text).join('\n')
  expect({ code, said }).toMatchObject({ code: 0 })
  expect(said).toContain('installing Node')
  expect(said).toMatch(/identification\.started {2}Checkout answers with server errors \(eu\)/)
  expect(said).toMatch(/identification\.started {2}Many failed SSH logons from one address/)
  expect(said).toMatch(/log lines sent, \d+ webhooks verified, 0 rejected/)

  // For people: within a minute after the downloads, on a machine of one's own.
  const listens = lines.find(({ text }) => /^input \S+ listens on/.test(text))
  const opened = lines.findLast(({ text }) => text.includes('identification.started'))
  process.stdout.write(
    `both incidents ${(opened!.atMs - listens!.atMs) / 1_000} s after the inputs listened\n`,
  )
  expect(execFileSync('git', ['status', '--porcelain'], { cwd: clone, env }).toString()).toBe('')
})

/** A path with git, npm, an old Node and what POSIX has; else only how npm reaches its registry. */
function bareEnvironment(): Record<string, string> {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const node = oldNode()
  symlinkSync(node, join(bin, 'node'))
  const place = join(node, '..')
  for (const name of ['npm', 'git', ...POSIX]) {
    const found = [place, ...PLACES, '/bin'].find((each) => isThere(each, name))
    if (found === undefined) throw new Error(`"${name}" is not on this machine`)
    symlinkSync(realpathSync(join(found, name)), join(bin, name))
  }
  const kept = Object.entries(process.env).filter(([name]) => NETWORK.test(name))
  return { ...Object.fromEntries(kept as [string, string][]), PATH: bin }
}

/** The first Node of 20 to 23, or `TOCSIN_OLD_NODE`. */
function oldNode(): string {
  const named = process.env['TOCSIN_OLD_NODE']
  const found = [...(named ? [named] : []), ...PLACES.map((place) => join(place, 'node'))].find(
    (path) => {
      try {
        return /^v2[0-3]\./.test(execFileSync(path, ['--version'], { stdio: 'pipe' }).toString())
      } catch {
        return false
      }
    },
  )
  if (found !== undefined) return realpathSync(found)
  throw new Error('no Node 20 to 23 was found: install one, or set TOCSIN_OLD_NODE to its program')
}

function isThere(place: string, name: string): boolean {
  try {
    return readdirSync(place).includes(name)
  } catch {
    return false
  }
}
