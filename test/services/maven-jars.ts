import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { needDebian, runs } from './debian.ts'

/** Jars that Maven brings, with all that they need at run time. */
export interface JarNeed {
  /** For people: `Graylog 3.3.11`. */
  readonly what: string
  /** Name of the folder in the cache; another one for every list of coordinates. */
  readonly folder: string
  /** `group:artifact:version`. */
  readonly coordinates: readonly string[]
  /** Another way to have them, as half a sentence. */
  readonly instead?: string
}

/**
 * The folder with the jars, in the cache of this user, where Maven puts them once. Throws with what
 * to do when they cannot be had: a test never passes without them.
 */
export async function mavenJars(need: JarNeed): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const folder = join(cache, 'tocsin-tests', need.folder)
  if (!existsSync(join(folder, 'complete'))) await fetchJars(need, folder)
  return join(folder, 'jars')
}

async function fetchJars(need: JarNeed, folder: string): Promise<void> {
  needDebian({ what: 'Maven', packages: ['maven'], isThere: () => runs('mvn', '--version') })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'pom.xml'), pom(need))
  // Several test files may want the jars at once; the second waits and finds them there.
  const script =
    'test -e complete && exit 0; ' +
    'mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars 1>&2 && ' +
    'touch complete'
  const { status, said } = await run('flock', ['lock', 'sh', '-c', script], folder)
  if (status === 0) return
  const why = said || `status ${status}`
  const todo = need.instead === undefined ? '' : `, or ${need.instead}`
  throw new Error(
    `${need.what} could not be fetched from Maven Central (${why}). Make "mvn" work here${todo}`,
  )
}

/** Runs a program without holding up the event loop; what it said last on standard error. */
export async function run(
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<{ readonly status: number | null; readonly said: string }> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { status, said: said.trim() }
}

function pom({ coordinates }: JarNeed): string {
  const dependencies = coordinates.map((each) => {
    const [group, artifact, version] = each.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tocsin</groupId><artifactId>test-jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`
}
