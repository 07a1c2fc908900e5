import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Command } from 'commander'

import { createToken } from '../http/tokens.ts'
import type { CliIo } from './io.ts'

/** `tocsin init`: a commented configuration, a first rule, and an API token shown once. */
export function register(program: Command, io: CliIo): void {
  program
    .command('init')
    .description('write a commented tocsin.yaml, a first rule, and an API token (shown once)')
    .argument('[folder]', 'where to write', '.')
    .option('--token-name <name>', 'the person the first token belongs to', 'admin')
    .action((folder: string, { tokenName }: { tokenName: string }) => {
      io.exit(init(folder, tokenName, io))
    })
}

function init(folder: string, tokenName: string, io: CliIo): number {
  const config = join(folder, 'tocsin.yaml')
  if (existsSync(config)) {
    io.err(`${config} is there already; nothing was written`)
    return 2
  }
  const rules = join(folder, 'rules')
  mkdirSync(rules, { recursive: true })
  const { token, sha256 } = createToken(randomBytes(32))
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  writeFileSync(config, configText({ tokenName, sha256 }), { flag: 'wx' })
  const secretFile = join(folder, 'webhook.secret')
  if (!existsSync(secretFile)) writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 })
  const rule = join(rules, 'first.yaml')
  if (!existsSync(rule)) writeFileSync(rule, FIRST_RULE)
  io.out(`wrote ${config}, ${rule} and ${secretFile}`)
  io.out(`API token of ${tokenName} (shown once, only its hash is kept):`)
  io.out(token)
  io.out(`next: ./tocsin check ${rules}, ./tocsin test ${rules}, ./tocsin serve -c ${config}`)
  return 0
}

function configText(token: { readonly tokenName: string; readonly sha256: string }): string {
  return `# Tocsin's configuration. Every value may be \${ENV}, env:NAME or file:/path.
# "tocsin serve" refuses unknown keys and names the nearest known one.

# Journal and database.
data: data

# Rule files and folders; a changed file is taken without a restart, whole or not at all.
rules: [rules]

# One input per Graylog stream output (or other sender of GELF).
inputs:
  - name: logs
    type: gelf-tcp            # gelf-tcp, gelf-udp or gelf-http
    listen: 127.0.0.1:12201   # other addresses need allow_insecure: true
    # delimiter: nul          # or newline
    # reorder: 5s             # how much later than a younger event one may come
    # idle_after: 60s         # silence after which time moves on by assumption
    # silent_after: 5m        # silence that is an incident; off for an input that may be silent
    # labels: { env: prod }

# Who is told. Deliveries are signed (Standard Webhooks) and repeated for three days.
receivers: []
#  - name: oncall
#    webhook:
#      url: https://hooks.example.org/tocsin
#      secret: file:/absolute/path/to/webhook.secret

# API, page (/), metrics (/metrics, /metrics/slo) and health.
http:
  listen: 127.0.0.1:8080
  tokens:
    - name: ${JSON.stringify(token.tokenName)}
      sha256: ${token.sha256}
      roles: [admin]

# graylog: { url: https://graylog.example.org }   # links in reports
`
}

const FIRST_RULE = `rule: errors-burst
title: A source logs many errors
severity: high
annotations:
  summary: "{{ value }} errors in {{ window }} from {{ group.source }}"
from: [logs]
where: level:[0 TO 3]
group_by: [source]
threshold: { at_least: 20, within: 5m }
clear: { quiet_for: 10m }
tests:
  - name: twenty errors in five minutes open, nineteen do not
    events:
      - { at: 0s, every: 2s, times: 20, set: { level: 3, source: web-1 } }
      - { at: 0s, every: 2s, times: 19, set: { level: 3, source: web-2 } }
    expect:
      - { at: 38s, open: { source: web-1 }, severity: high, value: 20 }
      - { at: 10m44s, clear: { source: web-1 } }
    watch_until: 1h
`
