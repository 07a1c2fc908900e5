import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
/** How long an owner may be silent before a standby takes its place. */
const SILENT = '5s'

interface Replica {
  readonly child: ChildProcess
  isReady: boolean
  readonly says: string[]
}

/**
 * One owner and standbys on one data folder, each started again when it ends: what a supervisor
 * does with `tocsin serve --standby`.
 */
export class KafkaReplicas {
  readonly #folder: string
  #replicas: Replica[] = []
  #isStopping = false
  /** Exit codes and signals, in order. */
  readonly ends: (number | string)[] = []

  constructor(folder: string, count: number) {
    this.#folder = folder
    for (let i = 0; i < count; i++) this.#start(i > 0)
  }

  /** The one that became ready last and lives. */
  get owner(): ChildProcess | undefined {
    return this.#replicas.findLast(({ isReady }) => isReady)?.child
  }

  /** Occurrences that were told, by all that ever ran. */
  readonly occurrences = new Map<string, number>()

  /** What the log says of an occurrence, the latest lines. */
  readonly lines: string[] = []

  async stop(): Promise<void> {
    this.#isStopping = true
    const ended = this.#replicas.map(
      ({ child }) => new Promise((resolve) => child.once('exit', resolve)),
    )
    for (const { child } of this.#replicas) {
      child.kill('SIGCONT')
      child.kill('SIGTERM')
    }
    await Promise.all(ended)
  }

  /** Counts of the objective `each` by the `n` that it is grouped by. */
  counts(): ReadonlyMap<string, number> {
    const rows = this.#rows<{ group_key: string; total: number }>(
      "SELECT group_key, total FROM slo_total WHERE slo = 'each'",
    )
    return new Map(rows.map(({ group_key: key, total }) => [keyOf(key), total]))
  }

  total(): number {
    return (
      this.#rows<{ n: number | null }>(
        "SELECT sum(total) AS n FROM slo_total WHERE slo = 'each'",
      )[0]?.n ?? 0
    )
  }

  gaps(): readonly { readonly partition: string; readonly reason: string }[] {
    return this.#rows('SELECT partition, from_position, to_position, reason FROM gap')
  }

  #rows<T>(query: string): T[] {
    try {
      const database = new DatabaseSync(join(this.#folder, 'data', 'tocsin.db'), { readOnly: true })
      try {
        return database.prepare(query).all() as T[]
      } finally {
        database.close()
      }
    } catch {
      // Not made yet.
      return []
    }
  }

  #start(isStandby: boolean): void {
    const standby = isStandby ? ['--standby', '--takeover-after', SILENT] : []
    const args = [MAIN, 'serve', '-c', join(this.#folder, 'tocsin.yaml'), ...standby]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const replica: Replica = { child, isReady: false, says: [] }
    this.#replicas.push(replica)
    let rest = ''
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#hear(replica, line)
    })
    child.stderr.on('data', (chunk: Buffer) => this.lines.push(`${child.pid}: ${chunk.toString()}`))
    child.on('exit', (code, signal) => {
      this.ends.push(code ?? signal ?? 'unknown')
      this.#replicas = this.#replicas.filter((one) => one !== replica)
      if (!this.#isStopping) this.#start(true)
    })
  }

  #hear(replica: Replica, line: string): void {
    const { occurrence } = JSON.parse(line) as { occurrence?: string }
    if (occurrence === undefined) return
    this.occurrences.set(occurrence, (this.occurrences.get(occurrence) ?? 0) + 1)
    if (occurrence === 'service.ready') {
      replica.isReady = true
      // Behind the others: it is the owner now.
      this.#replicas = [...this.#replicas.filter((one) => one !== replica), replica]
    }
    if (/kafka\.|core\.|service\./.test(occurrence))
      this.lines.push(`${replica.child.pid}: ${line}`)
  }
}

/** The one value of a group's key. */
function keyOf(key: string): string {
  return (JSON.parse(key) as string[])[0]!
}
