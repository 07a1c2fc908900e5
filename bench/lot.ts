import { cpuSecondsOf } from './measure.ts'
import { startSender } from './senders/sending.ts'
import type { Sending } from './senders/sending.ts'
import { untilCommitted } from './service.ts'
import type { BenchService } from './service.ts'

/** Some messages by one transport; `patienceMs` without a commit ends the waiting for more. */
export type Lot = Pick<Sending, 'transport' | 'count' | 'perSecond' | 'distinct'> & {
  readonly perRequest?: number
  readonly patienceMs: number
}

/** What a lot cost the service, from the sender's first byte to the last commit. */
export interface LotCost {
  readonly perCpuS: number
  readonly perWallS: number
  readonly lostShare: number
}

/** Sends one lot and waits until the service has committed it. */
export async function sendLot(service: BenchService, lot: Lot): Promise<LotCost> {
  const { pid, ports } = service.running
  const { patienceMs, ...sending } = lot
  const before = service.committed()
  const cpuBefore = cpuSecondsOf(pid)
  const startMs = performance.now()
  await startSender({ ...sending, port: ports[lot.transport]! })
  const committed = (await untilCommitted(service, before + lot.count, patienceMs)) - before
  const lost = lot.count - committed
  const wallS = (performance.now() - startMs - (lost > 0 ? patienceMs : 0)) / 1_000
  return {
    perCpuS: committed / (cpuSecondsOf(pid) - cpuBefore),
    perWallS: committed / wallS,
    lostShare: lost / lot.count,
  }
}
