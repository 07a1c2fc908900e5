import type { InputTiming } from './partition.ts'

/**
 * Everything that decides what a record matches, as plain text: it travels to the threads, is
 * kept by hash in the store, and a replay compiles it again. The hash covers all of it.
 */
export interface RulesetSource {
  readonly documents: readonly RuleDocument[]
  /** Inputs by name, with what the engine must know of them. */
  readonly inputs: Readonly<Record<string, InputInfo>>
  /** Field types over Graylog's defaults. */
  readonly fields: Readonly<Record<string, FieldType>>
}

export interface RuleDocument {
  /** As the user named it, for messages. */
  readonly file: string
  readonly text: string
}

export interface InputInfo extends InputTiming {
  readonly labels: Readonly<Record<string, string>>
  /** Silence, or time without anybody listening, that is an incident; left out: none is. */
  readonly silentAfterMs?: number
  /** Reads logs with offsets of their own; its partitions are opened as they are found. */
  readonly isLog?: true
}

/**
 * How conditions read a field: `text` is analysed into tokens, `lower` is one lower-cased token,
 * `keyword` exact and case-sensitive, `long`, `double` and `date` numeric.
 */
export type FieldType = 'text' | 'lower' | 'keyword' | 'long' | 'double' | 'date'

/** Graylog's own mapping: everything else is `keyword`, or numeric where the value is a number. */
export const GRAYLOG_FIELDS: Readonly<Record<string, FieldType>> = {
  message: 'text',
  full_message: 'text',
  source: 'lower',
  timestamp: 'date',
}

/** The rule set in force. */
export interface ActiveRuleset {
  readonly hash: string
  readonly origin: RulesetOrigin | null
}

/** Where a rule set came from, when its folder is a git checkout. */
export interface RulesetOrigin {
  /** Hash of the commit that last changed the rules, on the branch's own line. */
  readonly commit: string
  /** A rule file is there that is not as committed: the commit alone does not tell the rules. */
  readonly isDirty: boolean
  /** Number of the pull request that brought it, as its message says; `null` where it says none. */
  readonly pullRequest: number | null
  /** Who approved it, as its trailers say; `null` where they say nothing. */
  readonly approver: string | null
}
