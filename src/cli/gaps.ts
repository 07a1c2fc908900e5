import type { Command } from 'commander'
import { systemClock } from '../system-clock.ts'
import { visibleText } from '../lib/visible-text.ts'
import { callApi } from './api-client.ts'
import { counted } from './counted.ts'
import { instant, instantReader } from './instant.ts'
import type { CliIo } from './io.ts'
import { serviceOptions, withService } from './service-option.ts'
import type { Service, ServiceOptions } from './service-option.ts'

const PAGE = 500

interface GapsOptions extends ServiceOptions {
  readonly input?: string
  readonly from?: number
  readonly to?: number
}

/** What the API says of a gap, as far as a terminal shows it. */
interface ListedGap {
  readonly input: string
  readonly reason: string
  readonly fromMs: number
  readonly toMs: number | null
  readonly records: number
}

/** `tocsin gaps`: what is missing of the inputs of a running service, through the REST API. */
export function register(program: Command, io: CliIo): void {
  const read = instantReader(systemClock)
  serviceOptions(
    program.command('gaps').description('what is missing of the inputs of a running service'),
  )
    .option('--input <name>', 'of this input only')
    .option('--from <time>', 'that ended after this time, or so long ago', read)
    .option('--to <time>', 'that began before this time, or so long ago', read)
    .action((options: GapsOptions) => withService(options, io, (api) => list(api, options)))
}

/** Page by page to the end, so that an export is whole. */
async function list(api: Service, { input, from, to }: GapsOptions): Promise<void> {
  const query = new URLSearchParams({ limit: String(PAGE) })
  if (input !== undefined) query.set('input', input)
  if (from !== undefined) query.set('from', String(from))
  if (to !== undefined) query.set('to', String(to))
  let shown = 0
  for (;;) {
    const { body } = await callApi(api, { method: 'GET', path: `gaps?${query.toString()}` })
    const { items, next } = body as { items: readonly ListedGap[]; next: string | null }
    for (const gap of items) api.io.out(api.json ? JSON.stringify(gap) : gapLine(gap))
    shown += items.length
    if (next === null) break
    query.set('cursor', next)
  }
  if (!api.json && shown === 0) api.io.out('nothing is known to be missing')
}

function gapLine({ input, reason, fromMs, toMs, records }: ListedGap): string {
  const until = toMs === null ? 'and it lasts' : `to ${instant(toMs)}`
  const missing = records === 0 ? '' : `, ${counted(records, 'record')}`
  return visibleText(`${input}  ${reason}  ${instant(fromMs)} ${until}${missing}`)
}
