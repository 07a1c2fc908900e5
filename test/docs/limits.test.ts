/** `docs/reference/limits.md` against the constants that are in force. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

import * as intake from '../../src/ingest/normalise/limits.ts'
import { EVENT_FLAGS } from '../../src/model/event.ts'
import { parseByteSize } from '../../src/model/byte-size.ts'
import { readPage, rowsOf } from './page.ts'

const page = readPage('limits')

/** What a row of the page is about: a constant, and the file that holds it. */
const CONSTANTS: Readonly<Record<string, readonly [file: string, name: string]>> = {
  'message: a TCP frame, a UDP message put together': limit('MAX_FRAME_BYTES'),
  'compressed message or body, unpacked': limit('MAX_DECOMPRESSED_BYTES'),
  'body of an HTTP request, as sent': limit('MAX_BODY_BYTES'),
  'messages of one HTTP request': limit('MAX_BULK_MESSAGES'),
  'chunks of a UDP message': limit('MAX_CHUNKS'),
  'time until all chunks are there': ['ingest/gelf/chunks.ts', 'EXPIRY_MS'],
  'levels of nesting': limit('MAX_DEPTH'),
  'members of a message': limit('MAX_FIELDS'),
  'name of a field': limit('MAX_KEY_BYTES'),
  'value of a field': limit('MAX_VALUE_BYTES'),
  'timestamp ahead of receipt': ['model/plain-event.ts', 'FUTURE_CLAMP_MS'],
  'TCP connections of an input': ['ingest/gelf/tcp.ts', 'MAX_CONNECTIONS'],
  'TCP connections of an input from one address': [
    'ingest/gelf/tcp.ts',
    'MAX_CONNECTIONS_PER_SOURCE',
  ],
  'unfinished TCP frames of an input': ['ingest/gelf/tcp.ts', 'MAX_HELD_BYTES'],
  'bytes that an unfinished TCP frame must bring in 30 s': [
    'ingest/gelf/frame-pace.ts',
    'MIN_BYTES_OF_A_WINDOW',
  ],
  'time of a TLS handshake': ['ingest/gelf/tls.ts', 'HANDSHAKE_TIMEOUT_MS'],
  'HTTP connections of an input': ['ingest/gelf/http-server.ts', 'MAX_CONNECTIONS'],
  "bodies of an HTTP input's requests under way": ['ingest/gelf/http-server.ts', 'MAX_HELD_BYTES'],
  'time that an `Idempotency-Key` is remembered': ['ingest/gelf/idempotency.ts', 'REMEMBERED_MS'],
  'idempotency keys remembered of an input': ['ingest/gelf/idempotency.ts', 'REMEMBERED_MAX'],
  'accepted bytes the journal has not answered for': [
    'ingest/slab-writer.ts',
    'MAX_UNSETTLED_BYTES',
  ],
  'batch of a topic, unpacked': ['ingest/kafka/codecs.ts', 'MAX_BATCH_BYTES'],
  'records of a batch': ['ingest/kafka/kafkajs-decoding.ts', 'MAX_BATCH_RECORDS'],
  'headers of a record': ['ingest/kafka/kafkajs-decoding.ts', 'MAX_HEADERS'],
  'events in a batch of CloudEvents': limit('MAX_BULK_MESSAGES'),
  'unpacked bytes of one answer of a broker': ['ingest/kafka/answer-budget.ts', 'MAX_BYTES'],
  'records of one answer of a broker': ['ingest/kafka/answer-budget.ts', 'MAX_RECORDS'],
  'message of a JSON record that has none: so much of its own text': [
    'ingest/kafka/formats/json-format.ts',
    'OWN_TEXT_UNITS',
  ],
  'rule file': ['lib/yaml-document.ts', 'YAML_SIZE_MAX'],
  'nesting of YAML': ['lib/yaml-document.ts', 'YAML_DEPTH_MAX'],
  'rule files': ['config/rule-files.ts', 'FILES_MAX'],
  'folders below a rules folder': ['config/rule-files.ts', 'DEPTH_MAX'],
  rules: ['config/ruleset.ts', 'RULES_MAX'],
  'length of a query': ['rules/language/graylog-query.ts', 'QUERY_LENGTH_MAX'],
  'parts of a query': ['rules/language/query-node.ts', 'QUERY_CLAUSES_MAX'],
  'parentheses of a query': ['rules/language/query-node.ts', 'QUERY_DEPTH_MAX'],
  'groups of one rule, unless its `limits.groups` says otherwise': [
    'rules/windows/limits.ts',
    'GROUPS_DEFAULT',
  ],
  'window state of one rule, as it is accounted: 64 B a group, 24 B a match, 512 B an open episode':
    ['rules/windows/limits.ts', 'BYTES_DEFAULT'],
  'groups of one rule with late matches noted, in each 256th of them by hash': [
    'rules/windows/refused-groups.ts',
    'REFUSED_GROUPS_MAX',
  ],
  'partitions noted of such a group': ['rules/windows/refused-groups.ts', 'REFUSED_PARTITIONS_MAX'],
  'groups that wait to be read back from the journal, of all rules': [
    'store/sqlite/recompute-table.ts',
    'OUTSTANDING_MAX',
  ],
  'groups of one pass over the journal': ['threads/core/recomputer.ts', 'GROUPS_MAX'],
  'matches of one pass': ['rules/recompute-rows.ts', 'ROWS_MAX'],
  'matches kept exactly for a group': ['rules/windows/threshold.ts', 'EXACT_ENTRIES'],
  'length of a summary template': ['incidents/summary.ts', 'OUTPUT_MAX_BYTES'],
  'parts of a summary template': ['incidents/summary.ts', 'TOKENS_MAX'],
  'length of a value in a summary': ['incidents/summary.ts', 'VALUE_MAX'],
  'match rows waiting for the core': ['threads/core/feeds.ts', 'WAITING_ROWS_MAX'],
  "former processes of which an input's progress is remembered": [
    'rules/partition-tracker.ts',
    'RETIRED_MAX',
  ],
  'records of one commit': ['threads/core/core.ts', 'COMMIT_RECORDS_MAX'],
  'entries of a page of the API': ['http/requests.ts', 'LIMIT_MAX'],
  'connections of the API': ['http/server.ts', 'CONNECTIONS_MAX'],
  'body of an API request': ['http/server.ts', 'BODY_MAX'],
  'API requests of one address in a minute': ['http/server.ts', 'REQUESTS_PER_MINUTE'],
  'text of a note or reason': ['http/routes/incidents.ts', 'TEXT_MAX'],
  'body of a webhook': ['alerting/receivers/webhook/webhook-body.ts', 'BODY_BYTES_MAX'],
  'attempts of a delivery': ['alerting/schedule.ts', 'ATTEMPTS_MAX'],
  'wait that a `Retry-After` can ask for': ['alerting/schedule.ts', 'RETRY_AFTER_MAX_MS'],
  'answer of a receiver that is read': ['alerting/egress.ts', 'ANSWER_BYTES_MAX'],
  'answer of a receiver that is kept': ['alerting/answer-text.ts', 'ANSWER_TEXT_MAX'],
  'rules with series of their own on `/metrics`': ['telemetry/core-metrics.ts', 'RULES_MAX'],
  'series of counters': ['telemetry/occurrences.ts', 'SERIES_MAX'],
}

const rows = rowsOf(page, 'what', 'limit')

describe('the page of limits', () => {
  it.each(rows.map((row) => [row['what']!, row['limit']!]))('%s: %s', async (what, written) => {
    const [file, name] = CONSTANTS[what]!
    expect(numberOf(written)).toBe(await constant(file, name))
  })

  it('has a row for every limit of the intake, and for every one that this test knows', () => {
    expect(rows.map((row) => row['what']!).toSorted()).toEqual(Object.keys(CONSTANTS).toSorted())
    const shown = new Set(Object.values(CONSTANTS).map(([, name]) => name))
    expect(Object.keys(intake).filter((name) => !shown.has(name))).toEqual([])
  })

  it('names reasons and flags as they are counted', () => {
    const source = readFileSync(new URL('../../src/ingest/source.ts', import.meta.url), 'utf8')
    const { tables } = page
    for (const { 'beyond it': beyond } of tables[0]!.rows) {
      const [, flag] = /flag `(\w+)`/.exec(beyond!) ?? []
      if (flag !== undefined) expect(EVENT_FLAGS).toContain(flag)
      const [, reason] = /^`(\w+)`$/.exec(beyond!) ?? []
      if (reason !== undefined) expect(source).toContain(`| '${reason}'`)
    }
  })
})

function limit(name: keyof typeof intake): readonly [string, string] {
  return ['ingest/normalise/limits.ts', name]
}

/** An exported constant, or one that is read from the source where it is nobody else's business. */
async function constant(file: string, name: string): Promise<unknown> {
  const url = new URL(`../../src/${file}`, import.meta.url)
  const exported = (await import(/* @vite-ignore */ url.href)) as Record<string, unknown>
  if (exported[name] !== undefined) return exported[name]
  const text = readFileSync(url, 'utf8')
  const [, written] = new RegExp(`^const ${name} = (.*)$`, 'm').exec(text) ?? []
  if (written === undefined) throw new Error(`src/${file} holds no constant ${name}`)
  return productOf(written.replace(/HOUR_MS/, '3_600_000'))
}

/** `64 * 1_024`, `1024 ** 2`: what a constant is written as. */
function productOf(expression: string): number {
  return expression
    .split(' * ')
    .map((factor) => {
      const [base, exponent = '1'] = factor.replaceAll('_', '').split(' ** ')
      return Number(base) ** Number(exponent)
    })
    .reduce((product, factor) => product * factor, 1)
}

/** `1 MiB`, `20,000 B`, `5 s`, `24 h`, `5,000`: bytes, milliseconds or a count. */
function numberOf(written: string): number {
  const [count, unit] = written.replaceAll(',', '').split(' ')
  const times = { s: 1_000, min: 60_000, h: 3_600_000 }
  if (unit === undefined) return Number(count)
  return Object.hasOwn(times, unit)
    ? Number(count) * times[unit as keyof typeof times]
    : parseByteSize(`${count}${unit}`)!
}
