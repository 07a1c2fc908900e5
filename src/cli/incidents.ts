import type { Command } from 'commander'
import { DISMISSALS, PHASES } from '../model/incident.ts'
import { SEVERITIES } from '../model/severity.ts'
import { ApiFailure, callApi } from './api-client.ts'
import { incidentLines, incidentRow, warmingLine } from './incident-lines.ts'
import type { CliIo } from './io.ts'
import { serviceOptions, withService } from './service-option.ts'
import type { Service, ServiceOptions } from './service-option.ts'

/** `tocsin incidents …`: looking at and working on incidents through the REST API. */
export function register(program: Command, io: CliIo): void {
  const incidents = program
    .command('incidents')
    .description('look at and work on the incidents of a running service')
  const add = (usage: string, description: string): Command =>
    serviceOptions(incidents.command(usage).description(description))
  const run = (options: ServiceOptions, work: (api: Service) => Promise<void>): Promise<void> =>
    withService(options, io, work)

  add('list', 'open incidents, newest first')
    .option('--all', 'ended ones too')
    .option('--phase <phase>', PHASES.join(', '))
    .option('--severity <severity>', SEVERITIES.join(', '))
    .option('--limit <n>', 'at most so many', '50')
    .action((options: ServiceOptions & ListOptions) => run(options, (api) => list(api, options)))
  add('show <incident>', 'one incident with its timeline, by number or id').action(
    (id: string, options: ServiceOptions) => run(options, (api) => show(api, id)),
  )
  add('ack <incident>', 'take an incident on')
    .option(...IF_VERSION)
    .action((id: string, options: ServiceOptions & IfVersion) =>
      run(options, (api) => change(api, id, 'acknowledge', {}, options)),
    )
  add('note <incident> <text>', 'write a note on its timeline').action(
    (id: string, text: string, options: ServiceOptions) =>
      run(options, (api) => note(api, id, text)),
  )
  add('advance <incident> <phase>', `move it to another phase: ${PHASES.join(', ')}`)
    .option('--reason <text>', 'why; needed to go back')
    .option(...IF_VERSION)
    .action((id: string, to: string, options: ServiceOptions & IfVersion & { reason?: string }) => {
      const reason = options.reason === undefined ? {} : { reason: options.reason }
      return run(options, (api) => change(api, id, 'advance', { to, ...reason }, options))
    })
  add('dismiss <incident>', 'end it as no incident')
    .requiredOption('--as <what>', DISMISSALS.join(', '))
    .requiredOption('--reason <text>', 'why')
    .option(...IF_VERSION)
    .action((id: string, options: ServiceOptions & IfVersion & { as: string; reason: string }) => {
      const { as, reason } = options
      return run(options, (api) => change(api, id, 'dismiss', { as, reason }, options))
    })
}

interface ListOptions {
  readonly all?: boolean
  readonly phase?: string
  readonly severity?: string
  readonly limit: string
}

interface IfVersion {
  readonly ifVersion?: string
}

const IF_VERSION = [
  '--if-version <n>',
  'only if it is still this version; default: the one it has now',
] as const

async function list(api: Service, options: ListOptions): Promise<void> {
  const query = new URLSearchParams({ limit: options.limit })
  if (options.all !== true) query.set('open', 'true')
  if (options.phase !== undefined) query.set('phase', options.phase)
  if (options.severity !== undefined) query.set('severity', options.severity)
  const { body } = await callApi(api, { method: 'GET', path: `incidents?${query.toString()}` })
  const { items, next } = body as {
    items: Parameters<typeof incidentRow>[0][]
    next: string | null
  }
  for (const item of items) api.io.out(api.json ? JSON.stringify(item) : incidentRow(item))
  if (api.json) return
  if (items.length === 0) api.io.out(options.all === true ? 'no incident' : 'no open incident')
  if (next !== null) api.io.out(`more than ${options.limit}: use --limit`)
  for (const line of await warming(api, () => true)) api.io.out(line)
}

/** That no incident is there says little of a rule that lacks records. */
async function warming(api: Service, isAsked: (ruleId: string) => boolean): Promise<string[]> {
  const { body } = await callApi(api, { method: 'GET', path: 'rules' })
  const { items } = body as { items: { id: string; warmingUntilMs: number | null }[] }
  return items.filter(({ id }) => isAsked(id)).flatMap(warmingLine)
}

async function show(api: Service, id: string): Promise<void> {
  const { body } = await callApi(api, { method: 'GET', path: pathOf(id) })
  if (api.json) return api.io.out(JSON.stringify(body))
  const shown = body as Parameters<typeof incidentLines>[0]
  const lines = [
    ...incidentLines(shown),
    ...(await warming(api, (rule) => rule === shown.incident.ruleId)),
  ]
  for (const line of lines) api.io.out(line)
}

async function note(api: Service, id: string, text: string): Promise<void> {
  const path = `${pathOf(id)}/notes`
  answered(api, id, await callApi(api, { method: 'POST', path, body: { text } }))
}

/** A change against the version that was asked for, else against the one read just before. */
async function change(
  api: Service,
  id: string,
  action: string,
  body: object,
  { ifVersion }: IfVersion,
): Promise<void> {
  if (ifVersion !== undefined && !/^\d+$/.test(ifVersion)) {
    throw new ApiFailure(`--if-version "${ifVersion}": expected a number`, 2)
  }
  const ifMatch =
    ifVersion === undefined
      ? (await callApi(api, { method: 'GET', path: pathOf(id) })).etag
      : `"${ifVersion}"`
  const path = `${pathOf(id)}/${action}`
  answered(
    api,
    id,
    await callApi(api, { method: 'POST', path, body, ...(ifMatch === null ? {} : { ifMatch }) }),
  )
}

function answered(api: Service, id: string, { body }: { readonly body: unknown }): void {
  const { version } = body as { version: number }
  api.io.out(api.json ? JSON.stringify(body) : `incident ${id} is now version ${version}`)
}

function pathOf(id: string): string {
  return `incidents/${encodeURIComponent(id)}`
}
