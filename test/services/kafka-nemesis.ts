import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

import type { KafkaBroker } from './kafka-broker.ts'

/** Longer than the group's session of 10 s. */
const STOP_MS = 13_000
/** A broker is away for so long. */
const LEADER_MS = 8_000

/** Processes of which one is hit. */
export interface Replicas {
  readonly owner: ChildProcess | undefined
}

/** What is done to the owner while records are written, spread over the run. */
export async function nemesis(run: {
  readonly replicas: Replicas
  readonly kafka: KafkaBroker
  readonly seconds: number
  readonly kills: number
  readonly stops: number
  /** A broker of three is killed and started again. */
  readonly leaders: number
}): Promise<void> {
  const { replicas, kafka, seconds, kills, stops, leaders } = run
  const deeds = interleaved(kills, stops, leaders)
  const endMs = performance.now() + seconds * 1_000
  for (const [i, deed] of deeds.entries()) {
    const leftMs = endMs - performance.now()
    const atMs = endMs - leftMs + (leftMs - STOP_MS) / (deeds.length - i + 1)
    await sleep(Math.max(1_000, atMs - performance.now()))
    if (deed === 'leader') {
      const id = kafka.ids[i % kafka.ids.length]!
      await kafka.kill(id)
      await sleep(LEADER_MS)
      await kafka.up(id)
      continue
    }
    const owner = await ownerOf(replicas)
    if (deed === 'kill') {
      owner.kill('SIGKILL')
    } else {
      owner.kill('SIGSTOP')
      await sleep(STOP_MS)
      owner.kill('SIGCONT')
    }
  }
  await sleep(Math.max(0, endMs - performance.now()))
}

async function ownerOf(replicas: Replicas): Promise<ChildProcess> {
  for (;;) {
    const { owner } = replicas
    if (owner !== undefined) return owner
    await sleep(100)
  }
}

type Deed = 'kill' | 'stop' | 'leader'

function interleaved(kills: number, stops: number, leaders: number): Deed[] {
  const deeds: Deed[] = []
  for (let i = 0; i < Math.max(kills, stops, leaders); i++) {
    if (i < kills) deeds.push('kill')
    if (i < leaders) deeds.push('leader')
    if (i < stops) deeds.push('stop')
  }
  return deeds
}
