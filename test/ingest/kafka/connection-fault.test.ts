import { expect, test } from 'vitest'

import { connectionFault } from '../../../src/ingest/kafka/connection-fault.ts'
import type { ConnectionMeans, ConnectionStep } from '../../../src/ingest/kafka/connection-fault.ts'
import { KafkaFault } from '../../../src/ingest/kafka/kafka-client.ts'

/** What kafkajs said on real brokers; `test/services/kafka-security.test.ts` has them say it again. */
const SAID: readonly (readonly [ConnectionStep, ConnectionMeans, string, string, RegExp])[] = [
  ['ask', {}, 'Closed connection', 'authentication', /asks for credentials, and "sasl" is not set/],
  [
    'ask',
    { sasl: { mechanism: 'oauthbearer' } },
    'the topic "t" cannot be read (error 34)',
    'authentication',
    /does not accept the token/,
  ],
  [
    'ask',
    { sasl: { mechanism: 'plain' } },
    'Closed connection',
    'unreachable',
    /^Closed connection$/,
  ],
  ['connect', {}, 'Closed connection', 'unreachable', /may speak TLS, and "tls" is not set/],
  [
    'connect',
    { ssl: true },
    'Connection error: Client network socket disconnected before secure TLS connection was established',
    'unreachable',
    /does not speak TLS/,
  ],
  [
    'connect',
    { ssl: true },
    'Connection error: self-signed certificate in certificate chain',
    'unreachable',
    /not trusted \(self-signed certificate in certificate chain\).*"tls\.ca"/,
  ],
  [
    'connect',
    { ssl: true },
    "Connection error: Hostname/IP does not match certificate's altnames: Host: other",
    'unreachable',
    /of another name .*"tls\.server_name"/,
  ],
  [
    'connect',
    { ssl: {} },
    'Connection error: 40:error:0A:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../deps',
    'authentication',
    /\(bad certificate\): set "tls\.certificate"/,
  ],
  [
    'connect',
    { sasl: { mechanism: 'plain' } },
    'Request is not valid given the current SASL state',
    'authentication',
    /asks for no credentials on this port, and "sasl\.mechanism: plain" is set/,
  ],
  [
    'connect',
    { sasl: { mechanism: 'plain' } },
    'The broker does not support the requested SASL mechanism',
    'authentication',
    /does not know "sasl\.mechanism: plain"/,
  ],
  [
    'connect',
    { sasl: { mechanism: 'scram-sha-256' } },
    'SASL SCRAM SHA256 authentication failed: Authentication failed during …',
    'authentication',
    /refuses the user name or password of "sasl\.mechanism: scram-sha-256"/,
  ],
  [
    'connect',
    {},
    'Connection error: connect ECONNREFUSED 127.0.0.1:9',
    'unreachable',
    /^Connection error: connect ECONNREFUSED/,
  ],
]

test.each(SAID)('at %s with %j: "%s" is a fault of %s', (step, means, said, reason, sentence) => {
  const fault = connectionFault(new KafkaFault('unreachable', said), step, means)
  expect([fault.reason, fault.message]).toEqual([reason, expect.stringMatching(sentence)])
})
