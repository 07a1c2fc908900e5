import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'

import { ApiFailure } from './api-client.ts'
import { setUpGraylog } from './graylog/setup.ts'
import type { Transport } from './graylog/content-pack.ts'
import type { CliIo } from './io.ts'

interface SetupOptions {
  readonly graylog: string
  readonly user: string
  readonly transport: Transport
  readonly host: string
  readonly tcpPort: number
  readonly udpPort: number
  readonly notify: string
}

/** `tocsin graylog setup`: makes a Graylog send its messages and event notifications to Tocsin. */
export function register(program: Command, io: CliIo): void {
  const graylog = program.command('graylog').description('join a Graylog to Tocsin')
  graylog
    .command('setup')
    .description('install stream, outputs and notification in a Graylog (3.3 or newer)')
    .requiredOption('--graylog <url>', 'address of Graylog, such as http://graylog:9000')
    .option(
      '--user <name>',
      'an administrator of Graylog; with an access token: the token',
      'admin',
    )
    .addOption(
      new Option(
        '--transport <way>',
        'tcp (loses nothing, but Graylog stands still while nobody reads), udp (never couples, may lose), both',
      )
        .choices(['tcp', 'udp', 'both'])
        .makeOptionMandatory(),
    )
    .requiredOption('--host <host>', "Tocsin's host as Graylog reaches it")
    .option('--tcp-port <port>', 'port of its gelf-tcp input', port, 12_211)
    .option('--udp-port <port>', 'port of its gelf-udp input', port, 12_212)
    .requiredOption(
      '--notify <url>',
      'address of its graylog input, with its key: http://…/graylog?key=…',
    )
    .addHelpText('after', HELP)
    .action((options: SetupOptions) => setup(options, io))
}

const HELP = `
The password is read from GRAYLOG_PASSWORD; for an access token give the token as --user and
"token" as password. A second run changes nothing that is there already.`

async function setup(options: SetupOptions, io: CliIo): Promise<void> {
  const password = io.env?.['GRAYLOG_PASSWORD']
  if (password === undefined) {
    io.err('GRAYLOG_PASSWORD is not set: it holds the password of the --user.')
    return io.exit(2)
  }
  try {
    await setUpGraylog({
      graylog: { url: options.graylog, user: options.user, password },
      transport: options.transport,
      values: {
        HOST: options.host,
        TCP_PORT: options.tcpPort,
        UDP_PORT: options.udpPort,
        URL: options.notify,
      },
      say: (line) => io.out(line),
    })
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error
    io.err(error.message)
    io.exit(error.exitCode)
  }
}

function port(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number
  throw new InvalidArgumentError('expected a port from 1 to 65535')
}
