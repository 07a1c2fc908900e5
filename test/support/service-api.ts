/** What tests ask a running service over its own API and metrics. */

/** For the configuration of a test: an administrator with this token. */
export const TEST_TOKEN = 'test-token-for-the-loopback-only-0000000'

/** The part `http:` of a test's configuration. */
export const HTTP_CONFIG = `http: { listen: "127.0.0.1:0", tokens: [{ name: test, token: ${TEST_TOKEN}, roles: [admin] }] }`

/**
 * Rules under which every event of these inputs shows: each opens or joins an incident of its
 * `sender`, and the objective `all` counts it.
 */
export function everyEventRules(...inputs: readonly string[]): string {
  const from = `from: [${inputs.join(', ')}]`
  return `
rule: every-event
title: Every event of a sender
severity: high
${from}
where: _exists_:ref
group_by: [sender]
match: {}
---
slo: all
service: web
objective: 99%
${from}
total: _exists_:ref
bad: sender:nobody
`
}

export interface ApiIncident {
  readonly id: string
  readonly number: number
  readonly ruleId: string
  readonly title: string
  readonly group: Readonly<Record<string, string>>
  readonly severity: string
  readonly signal: string
  readonly phase: string
}

export interface ApiEvent {
  readonly flags: readonly string[]
  readonly fields: Readonly<Record<string, string | number>>
}

export interface ApiIncidentDetail {
  readonly incident: ApiIncident
  readonly episodes: readonly {
    readonly id: string
    readonly matches: number
    readonly value: number
    readonly startMs: number
    readonly endMs: number
  }[]
  readonly report: {
    readonly value: number
    readonly firstEvent: ApiEvent | null
    readonly lastEvent: ApiEvent | null
  }
}

/** The answer of `GET /api/v1/…` as JSON; throws with the body when it is not 200. */
export async function api<T>(url: string, path: string): Promise<T> {
  const answer = await fetch(`${url}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${TEST_TOKEN}` },
  })
  if (answer.status !== 200) {
    throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
  }
  return (await answer.json()) as T
}

/** Incidents, newest first. */
export async function incidents(url: string): Promise<readonly ApiIncident[]> {
  return (await api<{ items: readonly ApiIncident[] }>(url, 'incidents?limit=500')).items
}

export function incidentDetail(url: string, number: number): Promise<ApiIncidentDetail> {
  return api(url, `incidents/${number}`)
}

/**
 * The sum of a metric over the series that carry all of `labels`; 0 when there is none.
 * `page` is `metrics` or `metrics/slo`.
 */
export async function metric(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
  page = 'metrics',
): Promise<number> {
  const text = await (await fetch(`${url}/${page}`)).text()
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** What an SLO counted, good and bad together. */
export function sloEvents(url: string, slo: string): Promise<number> {
  return metric(url, 'tocsin_slo_events_total', { slo }, 'metrics/slo')
}
