import type { CliIo } from '../../src/cli/io.ts'
import type { Runtime } from '../../src/cli/runtime.ts'
import { tcpSender, udpSender } from './senders.ts'
import { story, STORY_MS } from './traffic.ts'

/** How long the story takes to tell, and in what steps. */
const PLAY_MS = 20_000
const STEP_MS = 50

/**
 * Sends the story to the inputs, sixty times as fast as it happened, with the times it would have
 * had if it ended now. Resolves with the number of lines sent; stops early when aborted.
 */
export async function play(options: {
  readonly ports: { readonly payments: number; readonly bastion: number }
  readonly runtime: Runtime
  readonly io: CliIo
  readonly signal: AbortSignal
}): Promise<number> {
  const { ports, runtime, io, signal } = options
  const senders = { payments: await tcpSender(ports.payments), bastion: udpSender(ports.bastion) }
  const lines = story()
  const beginMs = Date.now()
  const storyBeginMs = beginMs + PLAY_MS - STORY_MS
  let sent = 0
  while (sent < lines.length && !signal.aborted) {
    const played = ((Date.now() - beginMs) / PLAY_MS) * STORY_MS
    for (let line = lines[sent]; line !== undefined && line.atMs <= played; line = lines[++sent]) {
      const timestamp = (storyBeginMs + line.atMs) / 1_000
      await senders[line.input].send({ ...line.message, timestamp })
    }
    runtime.status(io.isTerminal ? bar(sent, lines.length) : '')
    await runtime.sleep(STEP_MS)
  }
  runtime.status('')
  await Promise.all(Object.values(senders).map((sender) => sender.close()))
  return sent
}

function bar(done: number, all: number): string {
  const width = 30
  const filled = Math.round((done / all) * width)
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done} of ${all} log lines`
}
