import type { Dismissal, Phase } from './incident.ts'

/** What a person asks of an incident. Stored with the commit that applied it. */
export type IncidentCommand =
  | { readonly kind: 'acknowledge'; readonly incidentId: string }
  | { readonly kind: 'note'; readonly incidentId: string; readonly text: string }
  | {
      readonly kind: 'advance'
      readonly incidentId: string
      readonly to: Phase
      readonly reason?: string
    }
  | {
      readonly kind: 'dismiss'
      readonly incidentId: string
      readonly as: Dismissal
      readonly reason: string
    }

/** A command with who asked and against which version of the incident (`If-Match`). */
export interface CommandRequest {
  readonly id: string
  readonly actor: string
  readonly command: IncidentCommand
  /** Refused with `conflict` when the incident has another version; absent for notes. */
  readonly expectedVersion?: number
}

export type CommandResult =
  | {
      readonly id: string
      readonly ok: true
      readonly incidentId: string
      readonly version: number
    }
  | {
      readonly id: string
      readonly ok: false
      readonly reason: 'not_found' | 'conflict' | 'refused' | 'unavailable'
      /** A sentence that says what is missing or in the way. */
      readonly message: string
    }
