import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { needDebian, runs } from './debian.ts'

/** The real brokers that Tocsin is tested against: the last 3.x line and the newest 4.x. */
export const KAFKA_VERSIONS = ['3.9.2', '4.4.0'] as const

export type KafkaVersion = (typeof KAFKA_VERSIONS)[number]

/**
 * The folder with the jars of a Kafka version: below `TOCSIN_KAFKA_JARS`, else in the cache of this
 * user, where Maven puts them once (about 45 MB each). Throws with what to do when they cannot be
 * had.
 */
export async function kafkaJars(version: KafkaVersion): Promise<string> {
  needDebian({
    what: 'a Java runtime',
    packages: ['openjdk-17-jre-headless'],
    isThere: () => runs('java', '-version'),
  })
  const given = process.env['TOCSIN_KAFKA_JARS']
  if (given) {
    const folder = join(given, version)
    if (existsSync(folder)) return folder
    throw new Error(`TOCSIN_KAFKA_JARS is set, and there is no folder ${folder} with Kafka's jars`)
  }
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const folder = join(cache, 'tocsin-tests', `kafka-${version}`)
  if (!existsSync(join(folder, 'complete'))) await fetchJars(version, folder)
  return join(folder, 'jars')
}

async function fetchJars(version: KafkaVersion, folder: string): Promise<void> {
  needDebian({ what: 'Maven', packages: ['maven'], isThere: () => runs('mvn', '--version') })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'pom.xml'), pom(version))
  // Several test files may want the jars at once; the second waits and finds them there.
  const script =
    'test -e complete && exit 0; ' +
    'mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars 1>&2 && ' +
    'touch complete'
  const maven = spawn('flock', ['lock', 'sh', '-c', script], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  maven.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)))
  const status = await new Promise<number | null>((resolve, reject) => {
    maven.once('error', reject)
    maven.once('close', resolve)
  })
  if (status !== 0) {
    throw new Error(
      `Kafka ${version} could not be fetched from Maven Central (${said.trim() || `status ${status}`}). ` +
        `Make "mvn" work here, or set TOCSIN_KAFKA_JARS to a folder that has ${version}/*.jar`,
    )
  }
}

/** Kafka itself, what its start needs beyond its own dependencies, and a plain logger. */
function pom(version: KafkaVersion): string {
  const dependencies = [
    ['org.apache.kafka', 'kafka_2.13', version],
    ['net.sourceforge.argparse4j', 'argparse4j', '0.7.0'],
    ['org.slf4j', 'slf4j-simple', '1.7.36'],
  ].map(
    ([group, artifact, number]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${number}</version></dependency>`,
  )
  return `<project><modelVersion>4.0.0</modelVersion>
<groupId>tocsin</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`
}
