import type { Command } from 'commander'
import { visibleText } from '../lib/visible-text.ts'
import { callApi } from './api-client.ts'
import { counted } from './counted.ts'
import type { CliIo } from './io.ts'
import { serviceOptions, withService } from './service-option.ts'
import type { Service, ServiceOptions } from './service-option.ts'

/** `tocsin rules …`: the rules of a running service and their health, through the REST API. */
export function register(program: Command, io: CliIo): void {
  const rules = program
    .command('rules')
    .description('look at the rules of a running service, and vouch for them')
  serviceOptions(rules.command('list').description('active rules with their health')).action(
    (options: ServiceOptions) => withService(options, io, list),
  )
  serviceOptions(
    rules
      .command('confirm <rule>')
      .description('vouch for a rule that is unverified: what it has counted is right'),
  ).action((rule: string, options: ServiceOptions) =>
    withService(options, io, (service) => confirm(service, rule)),
  )
}

/** What the API says of a rule, as far as a terminal shows it. */
interface ListedRule {
  readonly id: string
  readonly severity: string
  readonly mode: 'active' | 'shadow'
  readonly matches: number | null
  readonly openEpisodes: number | null
  readonly warmingUntilMs: number | null
  readonly unverified: { readonly sinceMs: number; readonly cause: string } | null
  readonly problems: readonly { readonly message: string }[]
}

async function list(service: Service): Promise<void> {
  const { io, json } = service
  const { body } = await callApi(service, { method: 'GET', path: 'rules' })
  const { items } = body as { items: readonly ListedRule[] }
  for (const rule of items) {
    if (json) {
      io.out(JSON.stringify(rule))
      continue
    }
    const { matches, openEpisodes } = rule
    const figures = `${counted(matches ?? 0, 'matched event')}, ${openEpisodes ?? 0} open`
    io.out(`${rule.id}  ${rule.severity}  ${healthOf(rule)}  ${figures}`)
  }
  if (!json && items.length === 0) io.out('no rule is active')
}

/** The worst first. */
function healthOf({ unverified, warmingUntilMs, problems, mode }: ListedRule): string {
  if (unverified !== null) {
    const since = new Date(unverified.sinceMs).toISOString()
    return `unverified since ${since} (${visibleText(unverified.cause)})`
  }
  if (warmingUntilMs !== null) return `warming until ${new Date(warmingUntilMs).toISOString()}`
  const [problem] = problems
  if (problem !== undefined) return `warning (${visibleText(problem.message)})`
  return mode
}

async function confirm(service: Service, rule: string): Promise<void> {
  const path = `rules/${encodeURIComponent(rule)}/confirm`
  const { body } = await callApi(service, { method: 'POST', path, body: {} })
  service.io.out(service.json ? JSON.stringify(body) : `rule ${rule} is no longer unverified`)
}
