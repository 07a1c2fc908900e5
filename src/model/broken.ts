/**
 * What is written down when a promise of our own is broken (I13): an entry of the input log that
 * no engine sees, and marks on the rules that may be wrong since.
 */

/** What was broken, and what became of it. */
export interface BrokenBody {
  readonly kind: 'broken'
  readonly nowMs: number
  /**
   * `replay`: an entry that is run again answers otherwise than it did, under the same engine;
   * `start`: the log could not be run again; `work`: evaluating or committing something new failed.
   */
  readonly what: 'replay' | 'start' | 'work'
  /** The entry at which it was noticed first. */
  readonly no: number
  /** Entries that answered otherwise. */
  readonly count: number
  /** Rules concerned, in order; `null` where that could not be told: it may be any. */
  readonly rules: readonly string[] | null
  /** A sentence for people. */
  readonly message: string
  /** Of `work`: the slice that was evaluated then, where one was. */
  readonly slice?: BrokenSlice
  /**
   * `false`: the process ended for a clean restart. `true`: it was the same again at the next start,
   * which went live all the same, with the rules concerned marked as unverified. A replay takes the
   * answers up to here as they now are.
   */
  readonly isLive: boolean
}

/** Records that were evaluated when work failed: positions from … to (exclusive). */
export interface BrokenSlice {
  readonly partition: string
  readonly from: number
  readonly to: number
  /** Its commit was to hold no other slice: it was these records, and not others beside them. */
  readonly isAlone: boolean
}

/** Somebody has looked at an unverified rule and vouches for it. */
export interface ConfirmedBody {
  readonly kind: 'confirmed'
  readonly nowMs: number
  /** Of the request. */
  readonly id: string
  readonly ruleId: string
  readonly actor: string
}

/** A rule whose windows may be wrong: until they are built anew, or somebody vouches for them. */
export interface UnverifiedRule {
  readonly ruleId: string
  /** Of the state that is in doubt; under another hash the rule has other state. */
  readonly stateHash: string
  readonly sinceMs: number
  /** A sentence for people. */
  readonly cause: string
}
