import { describe, expect, test, vi } from 'vitest'

import { Idempotency } from '../../../src/ingest/gelf/idempotency.ts'
import type { JournalRequest } from '../../../src/ingest/journal/journal.ts'
import { ManualClock } from '../../../src/lib/manual-clock.ts'

const BODY = Buffer.from('{}')

function idempotency(options: { known?: readonly JournalRequest[]; max?: number } = {}) {
  const clock = new ManualClock(1_790_000_000_000)
  const onForgotten = vi.fn()
  const one = new Idempotency({ clock: clock.now, known: [], onForgotten, ...options })
  return { clock, one, onForgotten }
}

/** Sends a request; `taken` when it was new, else the answer or the status of the refusal. */
function send(one: Idempotency, key: string, body = BODY, form = ''): unknown {
  try {
    const begun = one.begin(key, body, form)
    if ('answer' in begun) return begun.answer
    begun.done(`answer to ${key}`)
    return 'taken'
  } catch (error) {
    return (error as { status: number }).status
  }
}

describe('a request that comes again', () => {
  test('is answered as before; with another body or form it is refused (H7)', () => {
    const { one } = idempotency()
    expect(send(one, 'a')).toBe('taken')
    expect(send(one, 'a')).toBe('answer to a')
    expect(send(one, 'a', Buffer.from('[]'))).toBe(422)
    expect(send(one, 'a', BODY, 'partial')).toBe(422)
    expect(send(one, 'b')).toBe('taken')
  })

  test('while the first is under way is told to wait; when that failed it is taken', () => {
    const { one } = idempotency()
    const begun = one.begin('a', BODY, '')
    expect(send(one, 'a')).toBe(409)
    if ('failed' in begun) begun.failed()
    expect(send(one, 'a')).toBe('taken')
  })

  test('is known for 24 hours', () => {
    const { one, clock } = idempotency()
    send(one, 'a')
    clock.advance(24 * 3_600_000)
    expect(send(one, 'a')).toBe('answer to a')
    clock.advance(1)
    expect(send(one, 'a')).toBe('taken')
  })

  test('is known from the journal', () => {
    const before = idempotency()
    const begun = before.one.begin('a', BODY, '')
    if ('answer' in begun) throw new Error('it is new')
    const kept = { ...begun.kept('from the journal'), input: 'web', atMs: before.clock.now() }
    expect(send(idempotency({ known: [kept] }).one, 'a')).toBe('from the journal')
  })
})

test('the oldest makes room, and that is told', () => {
  const { one, onForgotten } = idempotency({ max: 2 })
  expect(['a', 'b', 'c'].map((key) => send(one, key))).toEqual(['taken', 'taken', 'taken'])
  expect(onForgotten).toHaveBeenCalledTimes(1)
  expect(send(one, 'c')).toBe('answer to c')
  expect(send(one, 'a')).toBe('taken')
})

test.each(['', 'a key', 'ü', 'x'.repeat(256)])('the key %j is no key', (key) => {
  expect(send(idempotency().one, key)).toBe(400)
})
