import { randomOf } from './messages.ts'

/**
 * `count` rules as YAML, in the mix that production has: each asks for something rare and for one
 * or two common things, in Graylog's query language or the native form; nearly all are thresholds
 * whose groups stay below them. About 0.1 % of the messages match each one. `first` numbers them.
 */
export function ruleFile(count: number, first = 0): string {
  return Array.from({ length: count }, (_, nth) => ruleText(first + nth)).join('---\n')
}

/** A file as large as one may be (256 KiB) holds somewhat more than these. */
const RULES_PER_FILE = 1_000

/** As {@link ruleFile}, for more than one file holds. */
export function ruleFiles(count: number): string[] {
  return Array.from({ length: Math.ceil(count / RULES_PER_FILE) }, (_, nth) =>
    ruleFile(Math.min(RULES_PER_FILE, count - nth * RULES_PER_FILE), nth * RULES_PER_FILE),
  )
}

/** Messages of which every one has keys that no other has. */
export const KEY_MESSAGES = 120_000

/**
 * Two more rules that count by what is different in every message, so that {@link KEY_MESSAGES}
 * distinct ones make some 108,000 live keys: half of them name a pod, two of five a request.
 */
export function keyRules(): string {
  return ['pod', 'request_id'].map(keyRule).join('')
}

function keyRule(field: string): string {
  return `---
rule: keys-${field}
title: Counts by ${field}
severity: low
where: _exists_:${field}
group_by: [${field}]
limits: { groups: 200000 }
threshold: { at_least: 1000, within: 10m }
`
}

function ruleText(nth: number): string {
  const { where, groupBy } = CONDITIONS[nth % CONDITIONS.length]!(nth)
  return `rule: bench-${nth}
title: Rule ${nth} of the benchmark
severity: low
where: ${where}
group_by: [${groupBy}]
threshold: { at_least: ${2_000 + nth}, within: 1m }
`
}

interface Drawn {
  readonly where: string
  readonly groupBy: string
}

const SERVICES = ['checkout', 'cart', 'catalog', 'search', 'payment', 'login', 'mail', 'stock']

/** One per kind of condition; the number of the rule picks the constants. */
const CONDITIONS: readonly ((nth: number) => Drawn)[] = [
  (nth) => ({
    where: `'service:${SERVICES[nth % 8]} AND http_status:[500 TO 504] AND env:prod'`,
    groupBy: 'region',
  }),
  (nth) => ({
    where: `'process:sshd AND outcome:failure AND user:"user-${(nth * 37) % 2_000}"'`,
    groupBy: 'src_ip',
  }),
  (nth) => ({
    where: `{ all: [{ path: { starts_with: "/api/v1/${SERVICES[nth % 8]}/${1 + (nth % 9)}1" } }, { level: { lte: 6 } }] }`,
    groupBy: 'client_ip',
  }),
  (nth) => ({
    where: `'level:<=4 AND error:TimeoutException AND thread:worker\\-${nth % 64}'`,
    groupBy: 'service',
  }),
  (nth) => ({
    where: `'message:"could not be written" AND service:${SERVICES[(nth + 3) % 8]} AND NOT error:IOException'`,
    groupBy: 'service',
  }),
  (nth) => ({ where: `'table:orders AND took_ms:>=${900 + nth}'`, groupBy: 'application_name' }),
  (nth) => ({
    where: `{ all: [{ message: { contains: "port ${1_100 + nth}" } }, { env: prod }] }`,
    groupBy: 'user',
  }),
  (nth) => ({ where: `'pod:pod\\-${hexOf(nth)}* AND env:prod'`, groupBy: 'host' }),
  (nth) => ({
    where: `{ any: [{ src_ip: "10.0.0.${nth % 256}" }, { client_ip: "10.0.0.${nth % 256}" }] }`,
    groupBy: 'service',
  }),
  (nth) => ({
    where: `'source:stock-${nth % 25}.eu.example.net AND level:<=4'`,
    groupBy: 'source',
  }),
]

function hexOf(nth: number): string {
  const random = randomOf(nth)
  return Math.floor(random() * 4_096)
    .toString(16)
    .padStart(3, '0')
}
