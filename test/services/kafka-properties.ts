/** The listeners of each test broker, in the order of its ports. */
export const LISTENERS = [
  'PLAINTEXT',
  'SASL_PLAINTEXT',
  'SSL',
  'SASL_SSL',
  'MTLS',
  'OAUTHBEARER',
  'CONTROLLER',
] as const

/** A listener that clients use. `MTLS` is TLS with a client certificate. */
export type ClientListener = Exclude<(typeof LISTENERS)[number], 'CONTROLLER'>

/** The user that every SASL listener knows, by PLAIN and both SCRAM mechanisms. */
export const KAFKA_USER = { username: 'alice', password: 'alice-secret' } as const

/** What each of our listener names is called within Kafka, and the protocol it speaks. */
const PROTOCOLS: Readonly<
  Record<(typeof LISTENERS)[number], readonly [name: string, protocol: string]>
> = {
  PLAINTEXT: ['PLAIN', 'PLAINTEXT'],
  SASL_PLAINTEXT: ['SASL', 'SASL_PLAINTEXT'],
  SSL: ['TLS', 'SSL'],
  SASL_SSL: ['SASLTLS', 'SASL_SSL'],
  MTLS: ['MTLS', 'SSL'],
  OAUTHBEARER: ['OAUTH', 'SASL_PLAINTEXT'],
  CONTROLLER: ['CONTROLLER', 'PLAINTEXT'],
}

export interface BrokerNode {
  readonly id: number
  /** Ports of every node, by node, in the order of {@link LISTENERS}. */
  readonly ports: readonly (readonly number[])[]
  readonly dataFolder: string
  readonly certificatesFolder: string
  /** Further lines of the file. */
  readonly extra: readonly string[]
}

/**
 * The `server.properties` of one node that is broker and controller (KRaft), all of it on loopback.
 * OAUTHBEARER takes unsigned tokens, as Kafka does for tests.
 */
export function serverProperties({
  id,
  ports,
  dataFolder,
  certificatesFolder,
  extra,
}: BrokerNode): string {
  const own = ports[id - 1]!
  const listeners = LISTENERS.map(
    (listener, i) => `${PROTOCOLS[listener][0]}://127.0.0.1:${own[i]}`,
  )
  const voters = ports.map((list, i) => `${i + 1}@127.0.0.1:${list.at(-1)}`)
  const copies = Math.min(ports.length, 3)
  const inSync = copies === 3 ? 2 : 1
  return [
    'process.roles=broker,controller',
    `node.id=${id}`,
    `controller.quorum.voters=${voters.join(',')}`,
    `listeners=${listeners.join(',')}`,
    `advertised.listeners=${listeners.slice(0, -1).join(',')}`,
    `listener.security.protocol.map=${Object.values(PROTOCOLS)
      .map(([name, protocol]) => `${name}:${protocol}`)
      .join(',')}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAIN',
    `log.dirs=${dataFolder}`,
    'num.partitions=3',
    'auto.create.topics.enable=false',
    `default.replication.factor=${copies}`,
    `min.insync.replicas=${inSync}`,
    ...['offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic'].flatMap(
      (topic) => [`${topic}.replication.factor=${copies}`, `${topic}.num.partitions=3`],
    ),
    `transaction.state.log.min.isr=${inSync}`,
    `share.coordinator.state.topic.min.isr=${inSync}`,
    'group.initial.rebalance.delay.ms=0',
    // Retention, compaction and a dead broker are noticed within seconds, as tests need it.
    'log.retention.check.interval.ms=1000',
    'log.initial.task.delay.ms=1000',
    'log.cleaner.backoff.ms=1000',
    'broker.session.timeout.ms=6000',
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${certificatesFolder}/server.pem`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${certificatesFolder}/ca.crt`,
    'listener.name.mtls.ssl.client.auth=required',
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...['sasl', 'sasltls'].flatMap((listener) => [
      `listener.name.${listener}.plain.sasl.jaas.config=${PACKAGE}.plain.PlainLoginModule required user_${KAFKA_USER.username}="${KAFKA_USER.password}";`,
      ...['256', '512'].map(
        (bits) =>
          `listener.name.${listener}.scram-sha-${bits}.sasl.jaas.config=${PACKAGE}.scram.ScramLoginModule required;`,
      ),
    ]),
    'listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER',
    `listener.name.oauth.oauthbearer.sasl.jaas.config=${PACKAGE}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    ...extra,
    '',
  ].join('\n')
}

/** Where Kafka keeps its login modules. */
const PACKAGE = 'org.apache.kafka.common.security'
