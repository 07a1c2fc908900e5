import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { needDebian, runs } from './debian.ts'
import { mavenJars } from './maven-jars.ts'

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
  return await mavenJars({
    what: `Kafka ${version}`,
    folder: `kafka-${version}`,
    // Kafka itself, what its start needs beyond its own dependencies, and a plain logger.
    coordinates: [
      `org.apache.kafka:kafka_2.13:${version}`,
      'net.sourceforge.argparse4j:argparse4j:0.7.0',
      'org.slf4j:slf4j-simple:1.7.36',
    ],
    instead: `set TOCSIN_KAFKA_JARS to a folder that has ${version}/*.jar`,
  })
}
