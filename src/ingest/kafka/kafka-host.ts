import type { LogSink } from '../source.ts'

/** What the intake does for a Kafka input: its way to the core and the journal. */
export interface KafkaHost {
  /**
   * From now on exactly these logs are read. Resolves with the offset at which each goes on, once
   * everything that was read of them before is evaluated; never for a request that a later one
   * has replaced.
   */
  openLogs(logs: readonly KafkaLog[]): Promise<Readonly<Record<string, number>>>
  /** The way of an open log's records into the journal. */
  sink(log: string): LogSink
  /** Whether the cluster can be reached, and what each log has that the journal has not. */
  tellLink(isUp: boolean, lags: Readonly<Record<string, number>>): void
}

/** A partition of a topic as it is found, by the name of its log. */
export interface KafkaLog {
  readonly log: string
  readonly low: number
  readonly high: number
  readonly start: number
}

/** `topic/topic id/partition`: no part of it can hold a slash. */
export function logName(topic: string, id: string, partition: number): string {
  return `${topic}/${id}/${partition}`
}
