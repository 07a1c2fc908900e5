import type { KeptRequest } from '../../model/slab.ts'
import type { RecordSink, Rejection } from '../source.ts'
import { splitBulk } from './bulk.ts'
import type { Bulk } from './bulk.ts'
import { HttpRefusal, placeOf, refusedMessage, sentenceOf } from './http-refusal.ts'
import type { IntakeReport } from './intake-report.ts'

/** Refused messages that an answer lists; it counts all of them. */
const LISTED_MAX = 100

export interface RequestToTake {
  /** Unpacked. */
  readonly body: Buffer
  /** What the content type said: one message per line. */
  readonly isLines: boolean
  /** Keeps the good messages of a request that has others, too. */
  readonly isPartial: boolean
  readonly sink: RecordSink
  readonly intake: IntakeReport
  /** What is to be kept with the records, for the request's answer. */
  readonly kept?: (answer: string) => KeptRequest
}

/**
 * Takes the messages of a request and waits for the journal; resolves with the answer, JSON.
 *
 * @throws HttpRefusal when nothing of it was kept.
 */
export async function takeRequest(request: RequestToTake): Promise<string> {
  const { body, isLines, isPartial, sink, intake } = request
  const bulk = splitBulk(body, isLines)
  if ('reason' in bulk) throw refusedMessage(bulk.reason, bulk.form, bulk.place)
  const refused: Refused[] = []
  // Synchronous from the first accept to seal or abort: no other request comes in between.
  try {
    for (const [i, start] of bulk.starts.entries()) {
      const reason = sink.accept(body, start, bulk.ends[i]!)
      if (reason === undefined) intake.accepted()
      // What is too much now may be taken in a moment, so then all of it is to come again.
      else if (!isPartial || reason === 'overload') {
        throw refusedMessage(reason, bulk.form, bulk.places[i]!)
      } else refused.push({ place: bulk.places[i]!, reason })
    }
    if (refused.length > 0 && refused.length === bulk.starts.length) {
      throw refusedMessage(refused[0]!.reason, bulk.form, refused[0]!.place)
    }
  } catch (error) {
    intake.abort(sink)
    throw error
  }
  for (const { reason } of refused) intake.rejected(reason)
  const count = bulk.starts.length - refused.length
  const answer = JSON.stringify({
    accepted: count,
    ...(isPartial && { rejected: refused.length, errors: listed(refused, bulk.form) }),
  })
  if (count > 0) await kept(sink, intake, request.kept?.(answer))
  return answer
}

interface Refused {
  readonly place: number
  readonly reason: Rejection
}

function listed(refused: readonly Refused[], form: Bulk['form']): object[] {
  return refused.slice(0, LISTED_MAX).map(({ place, reason }) => ({
    ...placeOf(form, place),
    reason,
    detail: sentenceOf(reason),
  }))
}

function kept(sink: RecordSink, intake: IntakeReport, request?: KeptRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const told = (outcome: 'durable' | 'refused'): void => {
      if (outcome === 'durable') return resolve()
      // Already counted, as reason `journal`.
      const message = 'the journal cannot take messages now; send again'
      reject(new HttpRefusal(503, undefined, message))
    }
    intake.seal(sink, told, request)
  })
}
