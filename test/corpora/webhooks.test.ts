import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { rejection } from '../../examples/receiver.ts'
import { webhookHeaders } from '../../src/alerting/receivers/webhook/signature.ts'
import { Secret } from '../../src/lib/secret.ts'

interface SignCase {
  readonly id: string
  readonly secret: string
  readonly msg_id: string
  readonly timestamp: number
  readonly body: string
  readonly signature: string
}

interface VerifyCase {
  readonly id: string
  readonly base: string
  readonly headers_changed: Readonly<Record<string, string | null>>
  readonly body: string
  readonly upper_case_header_names: boolean
  readonly clock: number
  readonly expect: 'accept' | 'reject'
}

const signCases = read<SignCase>('standard-webhooks-sign.json')
const verifyCases = read<VerifyCase>('standard-webhooks-verify.json')

describe('the Standard Webhooks corpus', () => {
  it.each(signCases)('signs $id as the reference does', (row) => {
    const headers = webhookHeaders({
      id: row.msg_id,
      timeMs: row.timestamp * 1000,
      body: row.body,
      secrets: [new Secret(row.secret)],
    })
    expect(headers['webhook-signature']).toBe(row.signature)
  })

  it.each(verifyCases)('the example receiver decides $id: $expect', (row) => {
    const base = signCases.find(({ id }) => id === row.base)!
    const headers: Record<string, string> = {
      'webhook-id': base.msg_id,
      'webhook-timestamp': String(base.timestamp),
      'webhook-signature': base.signature,
    }
    for (const [name, value] of Object.entries(row.headers_changed)) {
      if (value === null) delete headers[name]
      else headers[name] = value
    }
    const reason = rejection({
      // `node:http` gives the receiver every name in lower case, whatever was on the wire.
      headers: asNodeGives(row.upper_case_header_names ? upperCased(headers) : headers),
      body: Buffer.from(row.body),
      secrets: [base.secret],
      nowS: row.clock,
    })
    expect(reason === null ? 'accept' : 'reject', reason ?? undefined).toBe(row.expect)
  })
})

function upperCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, v]) => [name.toUpperCase(), v]))
}

function asNodeGives(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, v]) => [name.toLowerCase(), v]))
}

function read<T>(name: string): T[] {
  const path = join(import.meta.dirname, '../../../shared/corpora/webhooks', name)
  if (!existsSync(path)) {
    throw new Error(`corpus file shared/corpora/webhooks/${name} is missing beside the project`)
  }
  const rows = JSON.parse(readFileSync(path, 'utf8')) as T[]
  if (rows.length < 20) throw new Error(`${name} holds only ${rows.length} cases`)
  return rows
}
