import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { Command } from 'commander'

import type { CliIo } from './io.ts'
import type { Runtime } from './runtime.ts'

/** The demo lies beside the source, not in it: the image ships without it. */
const DEMO = new URL('../../examples/demo/demo.ts', import.meta.url)

interface Demo {
  readonly runDemo: (io: CliIo, runtime: Runtime, once: boolean) => Promise<number>
}

/** `tocsin demo [--once]`: the service with examples, traffic and a receiver, in a minute. */
export function register(program: Command, io: CliIo, runtime: Runtime): void {
  program
    .command('demo')
    .description('run the service with example rules, traffic and a webhook receiver')
    .option('--once', 'end when the story is told, with exit code 1 if something was missing')
    .action(async ({ once = false }: { once?: boolean }) => {
      if (!existsSync(fileURLToPath(DEMO))) {
        io.err('the demo needs a checkout of the repository; this installation has no examples/')
        io.exit(2)
        return
      }
      const { runDemo } = (await import(DEMO.href)) as Demo
      io.exit(await runDemo(io, runtime, once))
    })
}
