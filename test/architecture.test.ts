/**
 * Holds the house together (design §3 and §7): who may import whom, one door per package, no
 * clock or socket in the core, names and leftovers. Reads the source as text; no compiler needed.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const sources = filesBelow('src').filter((file) => file.endsWith('.ts'))

const DOMAINS = [
  'ingest',
  'rules',
  'slo',
  'incidents',
  'disaster',
  'alerting',
  'identity',
  'secrets',
  'compliance',
  'telemetry',
]

/** Rooms that join the others: they may import anything. Files directly under src/ join too. */
const JOINING = ['threads', 'cli']

/** What a room may import besides itself, `model` and `lib`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  lib: [],
  ...Object.fromEntries(DOMAINS.map((room) => [room, []])),
  config: DOMAINS.concat('http'),
  store: DOMAINS.concat('http'),
  http: DOMAINS,
}

/** One door per package: where each may be imported. */
const DOORS: readonly { readonly packages: RegExp; readonly files: RegExp }[] = [
  {
    packages: /^(@fastify\/|fastify)/,
    files: /^src\/(http\/|ingest\/gelf\/http|ingest\/graylog\/webhook)/,
  },
  { packages: /^kysely/, files: /^src\/store\// },
  { packages: /^node:sqlite$/, files: /^src\/(store|ingest\/journal)\// },
  { packages: /^(prom-client|pino|@opentelemetry\/)/, files: /^src\/telemetry\// },
  { packages: /^gelf-pro$/, files: /^src\/(telemetry|demo)\// },
  { packages: /^undici$/, files: /^src\/alerting\/egress/ },
  { packages: /^yaml$/, files: /^src\/(lib\/yaml-document\.ts|config\/)/ },
  { packages: /^commander$/, files: /^src\/cli\// },
  { packages: /^kafkajs$/, files: /^src\/ingest\/kafka\/client\.ts$/ },
  { packages: /^snappyjs$/, files: /^src\/ingest\/kafka\/codecs\/snappy\.ts$/ },
  { packages: /^node:worker_threads$/, files: /^src\/(threads|demo)\// },
]

/** I1: where time, chance and the outside world come in as arguments only. */
const PURE =
  /^src\/(model|lib|rules|slo|incidents|disaster)\/|^src\/pipeline\.ts$|^src\/alerting\/(schedule|receivers\/webhook\/(webhook-body|deliveries))\.ts$/
const FORBIDDEN_CALLS: readonly RegExp[] = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/,
  /\bMath\.random\b/,
  /\brandom(Bytes|UUID|Int|FillSync)\b|\bgetRandomValues\b/,
  /\bperformance\.now\b|\bhrtime\b/,
  /\bfetch\(/,
  /\bprocess\./,
]
const FORBIDDEN_MODULES =
  /^node:(fs|net|dgram|http|https|http2|tls|dns|child_process|worker_threads|os|process|timers|sqlite)/

describe('the house', () => {
  it('has source files to look at', () => {
    expect(sources.length).toBeGreaterThan(30)
  })

  it('lets rooms import only what the table allows', () => {
    const wrong: string[] = []
    for (const file of sources) {
      const from = roomOf(file)
      if (from === undefined || JOINING.includes(from)) continue
      for (const target of importsOf(file)) {
        if (!target.startsWith('.')) continue
        const to = roomOf(normalize(join(dirname(file), target)))
        if (to === from || to === 'model' || to === 'lib') {
          if (from === 'model' && to === 'lib') wrong.push(`${file} imports ${target}`)
          continue
        }
        if (to === undefined || !MAY_IMPORT[from]?.includes(to))
          wrong.push(`${file} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('imports each package through its one door', () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => DOORS.some((door) => door.packages.test(name) && !door.files.test(file)))
        .map((name) => `${file} imports ${name}`),
    )
    expect(wrong).toEqual([])
  })

  it('keeps clocks, chance and the outside world out of the core (I1)', () => {
    const wrong: string[] = []
    for (const file of sources.filter((name) => PURE.test(name))) {
      const code = codeOf(file)
      for (const call of FORBIDDEN_CALLS) if (call.test(code)) wrong.push(`${file}: ${call.source}`)
      for (const name of importsOf(file)) {
        if (FORBIDDEN_MODULES.test(name)) wrong.push(`${file} imports ${name}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('touches the process only in main.ts, and the wall clock only in system-clock.ts', () => {
    const processUsers = sources.filter((file) => /\bprocess\.(?!versions)/.test(codeOf(file)))
    expect(processUsers.filter((file) => !['src/main.ts'].includes(file))).toEqual([])
    const clockUsers = sources.filter((file) => /\bDate\.now\b|\bnew Date\(\)/.test(codeOf(file)))
    expect(clockUsers.filter((file) => file !== 'src/system-clock.ts')).toEqual([])
  })

  it("keeps the simulator's oracle independent of the rules that it judges", () => {
    const oracle = filesBelow('test/simulation').filter((file) =>
      /\/(oracle[a-z-]*|rule-spec)\.ts$/.test(file),
    )
    expect(oracle.length).toBeGreaterThan(2)
    const wrong = oracle.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.includes('/src/') && !/\/src\/(model|ingest\/journal)\//.test(name))
        .map((name) => `${file} imports ${name}`),
    )
    expect(wrong).toEqual([])
  })

  it('names files in kebab-case after what they export, without drawers and barrels', () => {
    const wrong = sources.filter((file) => {
      const name = basename(file)
      return (
        !/^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.ts$/.test(name) ||
        /^(utils?|helpers?|types|index)\.ts$/.test(name)
      )
    })
    expect(wrong).toEqual([])
  })

  it('has no leftovers: focused tests, notes to self, switched-off checks', () => {
    const everything = ['src', 'test', 'bench', 'examples'].flatMap(filesBelow)
    const leftovers =
      /\b(it|describe|test)\.(only|todo)\(|\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)/
    const wrong = everything.filter(
      (file) =>
        file.endsWith('.ts') && file !== 'test/architecture.test.ts' && leftovers.test(read(file)),
    )
    expect(wrong).toEqual([])
  })
})

function filesBelow(folder: string): string[] {
  const absolute = join(root, folder)
  return readdirSync(absolute, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** The source without comments and string contents, so that prose cannot break a rule. */
function codeOf(file: string): string {
  return read(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''")
}

function importsOf(file: string): string[] {
  const found = read(file).matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g,
  )
  return [...found].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

/** `ingest` for src/ingest/gelf/tcp.ts; `undefined` for the joining files directly under src/. */
function roomOf(file: string): string | undefined {
  const parts = file.split('/')
  return parts[0] === 'src' && parts.length > 2 ? parts[1] : undefined
}
