import type { Command } from 'commander'
import { ApiFailure } from './api-client.ts'
import type { ApiTarget } from './api-client.ts'
import type { CliIo } from './io.ts'

/** What commands that talk to a running service are told about it. */
export interface ServiceOptions {
  readonly url?: string
  readonly token?: string
  readonly json?: boolean
}

/** The service to talk to, and how to answer. */
export interface Service extends ApiTarget {
  readonly json: boolean
  readonly io: CliIo
}

const DEFAULT_URL = 'http://127.0.0.1:8080'

/** Adds the options of {@link ServiceOptions} to a command. */
export function serviceOptions(command: Command): Command {
  return command
    .option('--url <url>', `address of the service (or TOCSIN_URL; default ${DEFAULT_URL})`)
    .option('--token <token>', 'API token (better: TOCSIN_TOKEN, which no process list shows)')
    .option('--json', 'print JSON, one object per line')
}

/** Runs with the service, and reports what the API refuses as the command's own failure. */
export async function withService(
  { url, token, json }: ServiceOptions,
  io: CliIo,
  work: (service: Service) => Promise<void>,
): Promise<void> {
  const target = url ?? io.env?.['TOCSIN_URL'] ?? DEFAULT_URL
  const secret = token ?? io.env?.['TOCSIN_TOKEN']
  try {
    await work({ url: target, token: secret === '' ? undefined : secret, json: json === true, io })
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error
    io.err(error.message)
    io.exit(error.exitCode)
  }
}
