/** Where a delivery stands. `dead`: every attempt used up, kept and listed. */
export type DeliveryState = 'pending' | 'delivered' | 'dead'

/**
 * One notification to one receiver. Written in the incident's own transaction with its body
 * frozen; keeps its id over all attempts, replicas and restarts (I11).
 */
export interface Delivery {
  /** `webhook-id` and CloudEvents `id`: equal over all attempts. No full stop in it. */
  readonly id: string
  readonly receiver: string
  readonly incidentId: string
  /** Deliveries of one (receiver, order key) leave in order of `sequence`. */
  readonly orderKey: string
  readonly sequence: number
  readonly type: string
  /** Exact bytes to sign and send, as text. */
  readonly body: string
  readonly createdMs: number
}

/** A delivery as the sender sees it. */
export interface PendingDelivery extends Delivery {
  readonly state: DeliveryState
  /** Attempts made so far. */
  readonly attempt: number
  /** Not before this time, ms UTC. */
  readonly nextMs: number
}

/** What one attempt brought; the core writes it with its next commit. */
export interface AttemptReport {
  readonly deliveryId: string
  readonly receiver: string
  readonly attempt: number
  readonly atMs: number
  readonly durationMs: number
  readonly outcome: 'delivered' | 'retry' | 'dead'
  /** HTTP status where there was one. */
  readonly status: number | null
  /** Why it failed, from a short list, for the metric. */
  readonly reason: AttemptFailure | null
  /** Up to 1 KiB of what the receiver said or what went wrong. */
  readonly detail: string | null
  readonly nextMs: number | null
  /** Set by 410: the receiver wants nothing more. */
  readonly disablesReceiver: boolean
}

export type AttemptFailure =
  | 'clientError'
  | 'authError'
  | 'rateLimited'
  | 'serverError'
  | 'redirect'
  | 'gone'
  | 'timeout'
  | 'network'
  | 'egressRefused'
  | 'disabled'
