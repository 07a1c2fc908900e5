import { KafkaFault } from './kafka-client.ts'
import type { KafkaFaultReason } from './kafka-client.ts'

/** What kafkajs throws, as far as it tells errors apart. */
interface ClientError extends Error {
  readonly type?: string
  readonly cause?: unknown
}

/** What a client's error means for people; a `KafkaFault` stays what it is. */
export function faultOf(error: Error): KafkaFault {
  if (error instanceof KafkaFault) return error
  const origin = originOf(error)
  return new KafkaFault(reasonOf(origin), origin.message, error)
}

/** Kafka's error codes of a topic in a metadata answer. */
export function metadataFault(topic: string, code: number): KafkaFault {
  switch (code) {
    case 3:
    case 100:
      return new KafkaFault('unknown_topic', `there is no topic "${topic}"`)
    case 29:
      return new KafkaFault('authorization', `reading the topic "${topic}" is not allowed`)
    default:
      return new KafkaFault('protocol', `the topic "${topic}" cannot be read (error ${code})`)
  }
}

/** Retries and restarts wrap what went wrong. */
function originOf(error: ClientError): ClientError {
  let origin = error
  for (let depth = 0; depth < 8 && origin.cause instanceof Error; depth++) origin = origin.cause
  return origin
}

function reasonOf({ name, type = '', message }: ClientError): KafkaFaultReason {
  if (/SASL|Authentication/i.test(name) || type === 'SASL_AUTHENTICATION_FAILED') {
    return 'authentication'
  }
  if (/AUTHORIZATION/.test(type) || name === 'KafkaJSGroupCoordinatorNotFound') {
    return 'authorization'
  }
  if (/UNKNOWN_TOPIC/.test(type)) return 'unknown_topic'
  if (/Connection|NoBroker|BrokerNotFound|Timeout/.test(name) || /brokers? in the/.test(message)) {
    return 'unreachable'
  }
  return 'protocol'
}
