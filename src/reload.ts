import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'

import type { AppOptions } from './app-options.ts'
import { readConfigured, readSettings } from './configured.ts'
import type { Configured } from './configured.ts'
import { ruleFilesStamp } from './config/rule-files-stamp.ts'
import { canonicalJson, sha256Hex } from './lib/canonical.ts'
import type { Cancel } from './lib/clock.ts'
import type { Report } from './model/occurrence.ts'
import type { Problem } from './model/problem.ts'
import { formatProblem } from './model/problem.ts'

/** A change of a file is followed by others of the same save. */
const SETTLE_MS = 200
/** Watching is a hint and can miss a change; this finds it, by what the file system says of files. */
const POLL_MS = 10_000

export interface ReloadOptions {
  readonly options: AppOptions
  readonly initial: Configured
  readonly report: Report
  /** Takes the new one into force; cannot fail. */
  readonly swap: (next: Configured) => void
}

/**
 * The config-scoped part: reads everything anew and swaps it in whole at a slab boundary, or
 * leaves the running one untouched and says why in log, metric and API (I8). Runs on SIGHUP and
 * when a file's content changed.
 */
export class Reload {
  readonly #options: ReloadOptions
  readonly #watchers: FSWatcher[] = []
  #current: Configured
  #problems: readonly Problem[] = []
  #warnings: readonly Problem[] = []
  #lastReloadMs: number | null = null
  #lastSeen = ''
  /** Of the files at the last poll that looked into them. */
  #stamp = ''
  #isPolling = false
  #isStopped = false
  #cancelSettle: Cancel = () => undefined
  #cancelPoll: Cancel = () => undefined

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#current = options.initial
  }

  get current(): Configured {
    return this.#current
  }

  /** Of the last refused reload; empty when the last one was taken. */
  get problems(): readonly Problem[] {
    return this.#problems
  }

  get warnings(): readonly Problem[] {
    return this.#warnings
  }

  get status(): { hash: string; lastReloadOk: boolean; lastReloadMs: number | null } {
    const lastReloadOk = this.#problems.length === 0
    return { hash: this.#current.hash, lastReloadOk, lastReloadMs: this.#lastReloadMs }
  }

  /** Begins to watch the files. */
  start(): void {
    const { options } = this.#options
    this.#lastSeen = this.#seen()
    this.#cancelPoll = options.timers.every(POLL_MS, () => void this.#poll())
    for (const path of [options.configFile, ...this.#current.rulePaths]) {
      try {
        const watcher = watch(path, { recursive: true, persistent: false }, () => this.#changed())
        watcher.on('error', () => watcher.close())
        this.#watchers.push(watcher)
      } catch {
        // A path that is not there yet, or a file system that cannot be watched: the poll sees it.
      }
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelPoll()
    this.#cancelSettle()
    for (const watcher of this.#watchers) watcher.close()
  }

  /** Reads, checks and swaps now. */
  now(): void {
    const { options, report, swap } = this.#options
    const { configured, problems } = readConfigured(options.configFile, options.env)
    this.#lastSeen = seen(configured, problems)
    this.#lastReloadMs = options.clock()
    const unswappable = configured === undefined ? [] : needRestart(this.#current, configured)
    const errors = [...problems.filter(({ severity }) => severity === 'error'), ...unswappable]
    if (configured === undefined || errors.length > 0) {
      this.#problems = errors
      const detail = { problems: errors.slice(0, 20).map(formatProblem), count: errors.length }
      report({ name: 'config.refused', detail })
      return
    }
    this.#problems = []
    this.#warnings = problems
    this.#current = configured
    swap(configured)
    report({ name: 'config.reloaded', detail: { hash: configured.hash } })
  }

  #changed(): void {
    this.#cancelSettle()
    this.#cancelSettle = this.#options.options.timers.after(SETTLE_MS, () => this.#lookAgain())
  }

  /** Reads everything only when a file is another than at the last poll: there may be thousands. */
  async #poll(): Promise<void> {
    if (this.#isPolling) return
    this.#isPolling = true
    const stamp = await this.#filesStamp()
    this.#isPolling = false
    if (stamp === this.#stamp || this.#isStopped) return
    // Taken before the files are read: what changes while they are is found by the next poll.
    this.#stamp = stamp
    this.#lookAgain()
  }

  /** `tocsin.yaml` itself, and what it refers to, is read: it is short. */
  async #filesStamp(): Promise<string> {
    const { options } = this.#options
    const { settings, problems } = readSettings(options.configFile, options.env)
    const own = sha256Hex(canonicalJson([settings?.config ?? null, problems]))
    return `${own} ${await ruleFilesStamp(settings?.rulePaths ?? [])}`
  }

  #lookAgain(): void {
    if (this.#seen() !== this.#lastSeen) this.now()
  }

  #seen(): string {
    const { options } = this.#options
    const { configured, problems } = readConfigured(options.configFile, options.env)
    return seen(configured, problems)
  }
}

/** What a reload would see: equal text means that there is nothing to do. */
function seen(configured: Configured | undefined, problems: readonly Problem[]): string {
  return `${configured?.hash ?? ''} ${canonicalJson(problems)}`
}

/** Settings that are bound at the start: a changed one is refused by name, not half applied. */
function needRestart(running: Configured, next: Configured): Problem[] {
  const bound = { data: 0, inputs: 0, http: 0, journal: 0, telemetry: 0 } as const
  return (Object.keys(bound) as (keyof typeof bound)[])
    .filter((key) => canonicalJson(running.config[key]) !== canonicalJson(next.config[key]))
    .map((key) => ({
      code: 'needs-restart',
      severity: 'error',
      message: `"${key}" is bound at the start: restart the service to change it`,
    }))
}
