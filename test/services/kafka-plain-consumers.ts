import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const CONSUMER = join(import.meta.dirname, 'kafka-plain-consumer.ts')

/** Three plain consumers of one group, each started again when it ends. */
export class PlainConsumers {
  readonly #args: readonly string[]
  readonly #file: string
  #children: ChildProcess[] = []
  #isStopping = false

  constructor(file: string, topic: string, brokers: readonly string[]) {
    this.#file = file
    this.#args = [CONSUMER, file, topic, brokers.join(',')]
    for (let i = 0; i < 3; i++) this.#start()
  }

  /** The oldest. */
  get owner(): ChildProcess | undefined {
    return this.#children[0]
  }

  /** Different records that were seen. */
  distinct(): number {
    return this.#ask('SELECT count(DISTINCT n) AS count FROM seen')
  }

  /** Records seen more often than they are in the log. */
  duplicates(log: ReadonlyMap<string, number>): number {
    const total = [...log.values()].reduce((sum, count) => sum + count, 0)
    return this.#ask('SELECT count(*) AS count FROM seen') - total
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    const ended = this.#children.map(
      (child) => new Promise((resolve) => child.once('exit', resolve)),
    )
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(ended)
  }

  #ask(query: string): number {
    const database = new DatabaseSync(this.#file, { readOnly: true })
    try {
      return (database.prepare(query).get() as { count: number }).count
    } finally {
      database.close()
    }
  }

  #start(): void {
    const child = spawn(process.execPath, this.#args, { stdio: 'ignore' })
    this.#children.push(child)
    child.on('exit', () => {
      this.#children = this.#children.filter((one) => one !== child)
      if (!this.#isStopping) this.#start()
    })
  }
}
