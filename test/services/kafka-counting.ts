import { serviceFolder } from '../support/service.ts'

/**
 * A service folder that reads a topic and counts every record by its field `n`; by default from the
 * topic's beginning.
 */
export function countingFolder(
  brokers: readonly string[],
  topic: string,
  { start = 'earliest', group = 'tocsin' } = {},
): string {
  return serviceFolder({
    'tocsin.yaml': `
inputs:
  - { name: orders, type: kafka, brokers: ${JSON.stringify(brokers)}, topics: [${topic}], group: ${group}, start: ${start} }
http: { listen: "127.0.0.1:0" }
`,
    'rules/each.yaml': `
slo: each
service: orders
objective: 90%
from: [orders]
total: _exists_:n
bad: n:never
group_by: [n]
`,
  })
}
