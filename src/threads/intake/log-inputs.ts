import { openKafkaClient } from '../../ingest/kafka/client.ts'
import { decoderOf } from '../../ingest/kafka/formats.ts'
import type { KafkaHost, KafkaLog } from '../../ingest/kafka/kafka-host.ts'
import { securityOf } from '../../ingest/kafka/security.ts'
import type { KafkaInputSettings } from '../../ingest/kafka/settings.ts'
import { KafkaSource } from '../../ingest/kafka/source.ts'
import { LogSlabWriter } from '../../ingest/log-slab-writer.ts'
import { GelfEvent } from '../../ingest/normalise/gelf-event.ts'
import type { LogSink } from '../../ingest/source.ts'
import type { Matches } from '../../model/matches.ts'
import { inputOfPartition, logOfPartition, partitionId } from '../../model/slab.ts'
import type { Slab } from '../../model/slab.ts'
import type { MatchStep } from '../../pipeline.ts'
import type { CoreToIntake, LogsFound } from '../messages.ts'
import type { IntakeOptions } from './intake.ts'

export interface LogInputsOptions extends IntakeOptions {
  readonly stepOf: (input: string) => MatchStep
  readonly onSlab: (slab: Slab, matches: Matches) => void
}

interface OpenLog {
  readonly input: string
  readonly writer: LogSlabWriter
  step: MatchStep
}

interface Waiting {
  readonly request: number
  readonly resolve: (offsets: Readonly<Record<string, number>>) => void
}

/** The inputs of an intake thread that read logs with positions of their own. */
export class LogInputs {
  readonly #options: LogInputsOptions
  readonly #sources = new Map<string, KafkaSource>()
  /** By partition. */
  readonly #logs = new Map<string, OpenLog>()
  /** By input: the latest request, since an older one's answer is of no use. */
  readonly #waiting = new Map<string, Waiting>()
  #requests = 0

  constructor(options: LogInputsOptions) {
    this.#options = options
  }

  open(setting: KafkaInputSettings, epoch: number): void {
    const { clock, timers, report, onFatal } = this.#options
    const { name: input, brokers, group, client_id: clientId, topics, start } = setting
    const source = new KafkaSource({
      input,
      topics: new Map(topics.map(({ topic, ...format }) => [topic, decoderOf(format)])),
      start,
      openClient: () =>
        openKafkaClient({
          brokers,
          clientId,
          groupId: group,
          epoch,
          security: securityOf(setting),
          clock,
          log: (level, message) => {
            if (level === 'error')
              report({ name: 'kafka.trouble', labels: { input }, detail: { message } })
          },
        }),
      host: this.#hostOf(input, epoch),
      timers,
      report,
      onFatal,
    })
    this.#sources.set(input, source)
    source.start()
  }

  /** Another rule set is in force from the next slab on. */
  renewSteps(): void {
    for (const log of this.#logs.values()) log.step = this.#options.stepOf(log.input)
  }

  receive(message: CoreToIntake): void {
    switch (message.kind) {
      case 'logs-opened': {
        const waiting = this.#waiting.get(message.input)
        if (waiting?.request !== message.request) return
        this.#waiting.delete(message.input)
        waiting.resolve(message.offsets)
        break
      }
      case 'evaluated': {
        const { partition, offset } = message
        const source = this.#sources.get(inputOfPartition(partition))
        source?.evaluated(logOfPartition(partition)!, offset)
        break
      }
    }
  }

  settle(partition: string, outcome: 'durable' | 'refused'): void {
    this.#logs.get(partition)?.writer.settle(outcome)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sources.values()].map((source) => source.stop()))
  }

  #hostOf(input: string, epoch: number): KafkaHost {
    const { core } = this.#options
    const id = (log: string): string => partitionId(input, epoch, log)
    return {
      openLogs: (logs) => this.#openLogs(input, logs),
      sink: (log) => this.#sink(input, id(log)),
      tellLink(isUp, lags) {
        const named = Object.entries(lags).map(([log, lag]) => [id(log), lag])
        core.post({ kind: 'link', input, isUp, lags: Object.fromEntries(named) })
      },
    }
  }

  #openLogs(input: string, logs: readonly KafkaLog[]): Promise<Readonly<Record<string, number>>> {
    const { core, thread } = this.#options
    const request = ++this.#requests
    const found: LogsFound = { kind: 'logs', thread, input, request, logs }
    return new Promise((resolve) => {
      this.#waiting.set(input, { request, resolve })
      core.post(found)
    })
  }

  #sink(input: string, partition: string): LogSink {
    const known = this.#logs.get(partition)
    if (known !== undefined) return known.writer
    const { thread, clock, report, verifySelf, onSlab, stepOf } = this.#options
    const writer = new LogSlabWriter({
      partition,
      thread,
      clock,
      report,
      event: new GelfEvent({ verifySelf }),
      onRecord: (view, ordinal, maxTimeMs) => log.step.record(view, ordinal, maxTimeMs),
      onSlab: (slab, maxTimeMs) => onSlab(slab, log.step.seal(slab, maxTimeMs)),
    })
    const log: OpenLog = { input, writer, step: stepOf(input) }
    this.#logs.set(partition, log)
    return writer
  }
}
