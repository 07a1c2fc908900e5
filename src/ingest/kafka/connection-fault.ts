import { KafkaFault } from './kafka-client.ts'
import type { KafkaFaultReason } from './kafka-client.ts'

/** How we come to the brokers, as far as it explains why they refuse us. */
export interface ConnectionMeans {
  readonly ssl?: unknown
  readonly sasl?: { readonly mechanism: string } | undefined
}

/** `connect` reaches a broker and shows credentials; `ask` is the first question behind that. */
export type ConnectionStep = 'connect' | 'ask'

interface Explanation {
  readonly step?: ConnectionStep
  /** What the client said. */
  readonly said: RegExp
  readonly holds?: (means: ConnectionMeans) => boolean
  readonly reason: KafkaFaultReason
  readonly sentence: (means: ConnectionMeans, said: string) => string
}

const mechanismOf = ({ sasl }: ConnectionMeans) => `"sasl.mechanism: ${sasl?.mechanism}"`

/**
 * What refusals look like through kafkajs (measured on Kafka 3.9 and 4.4), and what is behind them.
 * Two let `connect` succeed: a listener that wants credentials and got none, and a token that was
 * not accepted.
 */
const EXPLANATIONS: readonly Explanation[] = [
  {
    step: 'ask',
    said: /Closed connection/,
    holds: ({ sasl }) => sasl === undefined,
    reason: 'authentication',
    sentence: () =>
      'the broker closed the connection at the first question: this listener asks for credentials, and "sasl" is not set',
  },
  {
    step: 'ask',
    said: /\(error 34\)|No brokers? in the broker pool|Closed connection/,
    holds: ({ sasl }) => sasl?.mechanism === 'oauthbearer',
    reason: 'authentication',
    sentence: () =>
      'the broker does not accept the token of "sasl": has it expired, or is it of another issuer?',
  },
  {
    step: 'connect',
    said: /Closed connection/,
    holds: ({ ssl }) => ssl === undefined || ssl === false,
    reason: 'unreachable',
    sentence: () =>
      'the broker closed the connection at once: this port may speak TLS, and "tls" is not set',
  },
  {
    said: /before secure TLS connection was established|wrong version number/,
    reason: 'unreachable',
    sentence: () => 'the broker does not speak TLS on this port, and "tls" is set',
  },
  {
    said: /self-signed certificate|unable to (verify|get)|certificate has expired|not yet valid/,
    reason: 'unreachable',
    sentence: (_, said) =>
      `the broker's certificate is not trusted (${lastPart(said)}): give its authority as "tls.ca"`,
  },
  {
    said: /does not match certificate's altnames/,
    reason: 'unreachable',
    sentence: (_, said) =>
      `the broker's certificate is of another name (${lastPart(said)}): set "tls.server_name", or use the name it bears`,
  },
  {
    said: /alert (bad certificate|certificate required|handshake failure|unknown ca|certificate unknown)/,
    reason: 'authentication',
    sentence: (_, said) =>
      `the broker refuses our certificate, or the lack of one (${/alert ([a-z ]+)/.exec(said)?.[1]}): ` +
      'set "tls.certificate" and "tls.key" to what it trusts',
  },
  {
    said: /not valid given the current SASL state/,
    reason: 'authentication',
    sentence: (means) =>
      `the broker asks for no credentials on this port, and ${mechanismOf(means)} is set`,
  },
  {
    said: /does not support the requested SASL mechanism/,
    reason: 'authentication',
    sentence: (means) => `the broker does not know ${mechanismOf(means)} on this port`,
  },
  {
    said: /authentication failed/i,
    reason: 'authentication',
    sentence: (means) => `the broker refuses the user name or password of ${mechanismOf(means)}`,
  },
]

/**
 * The same fault said so that a person can act: which setting does not fit the broker. Only before
 * the first answer; later a closed connection is a broker that went away.
 */
export function connectionFault(
  fault: KafkaFault,
  step: ConnectionStep,
  means: ConnectionMeans,
): KafkaFault {
  const found = EXPLANATIONS.find(
    (one) =>
      (one.step ?? step) === step &&
      one.said.test(fault.message) &&
      (one.holds === undefined || one.holds(means)),
  )
  if (found === undefined) return fault
  return new KafkaFault(found.reason, found.sentence(means, fault.message), fault)
}

/** What stands behind kafkajs's own words. */
function lastPart(said: string): string {
  return said.replace(/^(Connection error|Error): /, '').trim()
}
