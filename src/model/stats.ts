/** What one rule did since the process started, for the page, the API and the metrics. */
export interface RuleStats {
  readonly ruleId: string
  readonly matches: number
  /** Event time of the latest match; `null` when it never matched. */
  readonly lastMatchMs: number | null
  readonly groups: number
  readonly openEpisodes: number
  /** How often a cap on groups or bytes made room or refused. */
  readonly capHits: number
  /**
   * Records of its inputs are missing, and until its watermark is here what it says may be wrong,
   * ms UTC; left out when it is not.
   */
  readonly warmingUntilMs?: number
  /** Its windows may be wrong: since when, ms UTC, and why, in a sentence (I13). */
  readonly unverified?: { readonly sinceMs: number; readonly cause: string }
}

/** What came of the last reload that edited rules with state (I8). */
export interface ReloadReport {
  /** When it came into force, ms UTC. */
  readonly atMs: number
  readonly ruleset: string
  /** Rules that were rebuilt from the journal. */
  readonly rules: readonly string[]
  /** Records that were read for it, and those that the journal no longer held. */
  readonly records: number
  readonly missing: number
  readonly warming: readonly { readonly ruleId: string; readonly untilMs: number }[]
  /** Unsettled episodes, against those that the rules had before. */
  readonly episodes: {
    readonly gained: number
    readonly lost: number
    readonly moved: number
    readonly same: number
  }
}

/** What one input's partition does now. */
export interface InputStats {
  readonly input: string
  readonly partition: string
  /** Records evaluated since the process started. */
  readonly evaluated: number
  /** Accepted but not yet evaluated. */
  readonly backlog: number
  /** Latest receive time evaluated. */
  readonly lastReceivedMs: number | null
  readonly watermarkMs: number | null
  readonly watermarkQuality: 'witnessed' | 'assumed' | null
  /** No sender is connected since then, ms UTC; `null` when one is, or the input has no connections. */
  readonly disconnectedSinceMs: number | null
  /** Nothing has come since then, ms UTC, for longer than the input's `silent_after`; else `null`. */
  readonly silentSinceMs: number | null
  /** Of a partition read from a log: offsets there that are not in the journal yet. */
  readonly logLag?: number
}

/** Sent from the core to the main thread about once a second. */
export interface CoreStats {
  readonly nowMs: number
  readonly inputs: readonly InputStats[]
  readonly rules: readonly RuleStats[]
  readonly ruleset: string
  readonly lastNo: number
  /** Slabs waiting in the core's queue, and the most it takes. */
  readonly queued: number
  readonly queueMax: number
  /** Of this process; missing until a rule with state was edited. */
  readonly lastReload?: ReloadReport
}
