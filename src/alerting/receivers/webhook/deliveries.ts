import { derivedName } from '../../../lib/canonical.ts'
import type { IncidentEvent } from '../../../model/incident.ts'
import type { Delivery } from '../../../model/outbox.ts'
import { compareSeverity, type Severity } from '../../../model/severity.ts'
import { cloudEvent } from './webhook-body.ts'

/**
 * What deciding about a receiver needs to know of it: plain data without its address and secrets,
 * so it can go to the core's thread.
 */
export interface DeliveryRoute {
  /** The receiver's name. */
  readonly name: string
  /** Incidents below it are not told; `null` tells all. */
  readonly severityAtLeast: Severity | null
  /** Every label named here must have this value. */
  readonly labels: Readonly<Record<string, string>>
}

export interface DeliveryOptions {
  /** CloudEvents `source` of this installation. */
  readonly source: string
  /** Where people reach the page; `null` leaves links out. */
  readonly baseUrl: string | null
}

/**
 * One delivery with a frozen body for each receiver that wants the event. The id is derived from
 * incident, sequence and receiver, so a decision taken again names its deliveries the same (I11).
 */
export function deliveriesFor(
  event: IncidentEvent,
  routes: readonly DeliveryRoute[],
  options: DeliveryOptions,
): Delivery[] {
  const { incident, sequence, type, atMs } = event
  return routes
    .filter((route) => wants(route, event))
    .map(({ name }) => {
      const id = derivedName('delivery', incident.id, String(sequence), name)
      return {
        id,
        receiver: name,
        incidentId: incident.id,
        orderKey: incident.id,
        sequence,
        type,
        body: cloudEvent(event, { ...options, id }),
        createdMs: atMs,
      }
    })
}

function wants(route: DeliveryRoute, { incident }: IncidentEvent): boolean {
  if (
    route.severityAtLeast !== null &&
    compareSeverity(incident.severity, route.severityAtLeast) < 0
  ) {
    return false
  }
  return Object.entries(route.labels).every(
    ([name, value]) => Object.hasOwn(incident.labels, name) && incident.labels[name] === value,
  )
}
