/** What the Dockerfile does, without Docker: the built service runs, and the file keeps its promises. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { HTTP_CONFIG } from '../support/service-api.ts'
import { serviceFolder } from '../support/service.ts'
import { waitFor } from '../support/wait-for.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')

/** `COPY src ./src` as its words, in order, comments and continued lines aside. */
const INSTRUCTIONS = read('Dockerfile')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line) => line.split(/\s+/))

describe('the built service', () => {
  let image: string
  beforeAll(() => {
    image = mkdtempSync(join(tmpdir(), 'tocsin-image-'))
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
    execFileSync(tsc, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(image, 'dist')], {
      encoding: 'utf8',
    })
    mkdirSync(join(image, 'dist', 'http'), { recursive: true })
    copyFileSync(join(ROOT, 'src', 'http', 'style.css'), join(image, 'dist', 'http', 'style.css'))
    copyFileSync(join(ROOT, 'package.json'), join(image, 'package.json'))
    symlinkSync(join(ROOT, 'node_modules'), join(image, 'node_modules'))
  }, 120_000)
  afterAll(() => rmSync(image, { recursive: true, force: true }))

  it('says its version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string }
    const out = execFileSync(process.execPath, [join(image, 'dist', 'main.js'), '--version'])
    expect(out.toString().trim()).toBe(version)
  })

  it('serves from plain JavaScript: ready, healthy, with its style sheet, and ends on SIGTERM', async () => {
    const folder = serviceFolder({
      'tocsin.yaml': `
data: data
inputs: [{ name: web, type: gelf-http, listen: "127.0.0.1:0" }]
${HTTP_CONFIG}
`,
      'rules/all.yaml':
        'rule: all\ntitle: All\nseverity: low\nfrom: [web]\nwhere: "*"\nmatch: {}\n',
    })
    const main = join(image, 'dist', 'main.js')
    const child = spawn(process.execPath, [main, 'serve', '-c', join(folder, 'tocsin.yaml')], {
      env: { ...process.env, NODE_ENV: 'production' },
    })
    try {
      let out = ''
      child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()))
      const ready = await waitFor('the service', () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${out}`)
        return out.split('\n').find((line) => line.includes('"service.ready"'))
      })
      const { http } = JSON.parse(ready) as { http: { host: string; port: number } }
      const url = `http://${http.host}:${http.port}`
      for (const path of ['/health/live', '/health/ready', '/metrics', '/']) {
        expect((await fetch(url + path)).status, path).toBe(200)
      }
      const page = await (await fetch(`${url}/`)).text()
      const sheet = /href="([^"]+\.css[^"]*)"/.exec(page)?.[1]
      if (sheet !== undefined) expect((await fetch(url + sheet)).status).toBe(200)
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      expect(await exit).toEqual([0, null])
    } finally {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the Dockerfile', () => {
  it('copies only what is there and what .dockerignore lets through', () => {
    const ignore = read('.dockerignore').split('\n').filter(Boolean)
    expect(ignore[0]).toBe('*')
    const sources = INSTRUCTIONS.filter(([word]) => word === 'COPY')
      .filter((words) => !words.some((word) => word.startsWith('--from=')))
      .flatMap((words) => words.slice(1, -1))
    expect(sources.length).toBeGreaterThan(5)
    for (const source of sources) {
      expect(existsSync(join(ROOT, source)), source).toBe(true)
      expect(ignore, source).toContain(`!${source}`)
    }
    // And nothing is let through for nobody.
    expect(
      ignore
        .slice(1)
        .map((line) => line.slice(1))
        .toSorted(),
    ).toEqual([...new Set(sources)].toSorted())
  })

  it('names a version of every base image, and stages that it has', () => {
    const stages = new Set<string>()
    for (const [word, image, , stage] of INSTRUCTIONS) {
      if (word !== 'FROM') continue
      expect(image).toMatch(/^node:24(\.\d+)*-slim$/)
      if (stage !== undefined) stages.add(stage)
    }
    for (const words of INSTRUCTIONS) {
      const from = words.find((word) => word.startsWith('--from='))
      if (from !== undefined) expect(stages).toContain(from.slice('--from='.length))
    }
  })

  it('runs as nobody special, is watched by a health check, and starts what the build made', () => {
    const last = INSTRUCTIONS.slice(INSTRUCTIONS.findLastIndex(([word]) => word === 'FROM'))
    const users = last.filter(([word]) => word === 'USER').map(([, user]) => user)
    expect(users.at(-1)).toBe('node')
    const health = last.find(([word]) => word === 'HEALTHCHECK')?.join(' ')
    expect(health).toContain('/health/live')
    expect(last.find(([word]) => word === 'ENTRYPOINT')?.join(' ')).toContain('"dist/main.js"')
    // The build stage does what the build script does.
    const build = (JSON.parse(read('package.json')) as { scripts: { build: string } }).scripts.build
    const compile = INSTRUCTIONS.find((words) => words.join(' ').includes('tsconfig.build.json &&'))
    expect(build.split('&&')[1]?.trim()).toBe(compile?.join(' ').split('&&')[1]?.trim())
  })
})

it('deploy/compose.yaml runs the image read-only, without rights it does not need', () => {
  const file = join('deploy', 'compose.yaml')
  const { services, volumes } = parse(read(file)) as {
    services: Record<string, Record<string, unknown>>
    volumes: Record<string, unknown>
  }
  const tocsin = services['tocsin']!
  expect(tocsin).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
  })
  expect(existsSync(join(ROOT, dirname(file), tocsin['build'] as string, 'Dockerfile'))).toBe(true)
  expect(Number.parseInt(tocsin['stop_grace_period'] as string, 10)).toBeGreaterThan(10)
  const [data, ...mounts] = tocsin['volumes'] as string[]
  expect(data).toBe('tocsin-data:/var/lib/tocsin')
  expect(volumes).toHaveProperty('tocsin-data')
  for (const mount of mounts) expect(mount).toMatch(/:ro$/)
  for (const port of tocsin['ports'] as string[]) expect(port).toMatch(/^127\.0\.0\.1:/)
})
