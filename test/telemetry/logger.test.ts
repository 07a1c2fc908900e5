import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/lib/secret.ts'
import { capturedLog } from './captured-log.ts'

describe('the log', () => {
  it('writes one JSON object per line with level, time and message', () => {
    const { logger, lines, records } = capturedLog(() => 1_700_000_000_123)
    logger.log('warn', 'something happened', { input: 'payments', count: 3 })
    expect(lines[0]?.endsWith('\n')).toBe(true)
    expect(records()).toEqual([
      {
        level: 'warn',
        time: 1_700_000_000_123,
        msg: 'something happened',
        input: 'payments',
        count: 3,
      },
    ])
  })

  it('leaves out what is below its level', () => {
    const { logger, lines } = capturedLog(() => 0, 'warn')
    logger.log('info', 'quiet')
    logger.log('error', 'loud')
    expect(lines).toHaveLength(1)
  })

  it('keeps every text on one line without raw control or direction characters (I10)', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a\nb', '\u2028', '\u001b[31m', '\u202e', '\u0085', '%s %d %j', '\ud800'),
    )
    fc.assert(
      fc.property(hostile, hostile, (message, value) => {
        const { logger, lines, records } = capturedLog(() => 1)
        logger.log('info', message, { value })
        expect(lines).toHaveLength(1)
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/)
        const wellFormed = (text: string) => text.toWellFormed()
        const [record] = records()
        if (!/Bearer|Basic|tcs_|whs/.test(message)) {
          expect(wellFormed(String(record?.['msg']))).toBe(wellFormed(message))
        }
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    ['a field named like a secret', { webhook_secret: 'hunter2hunter2' }],
    ['a nested one', { receiver: { headers: { Authorization: 'hunter2hunter2' } } }],
    ['an API token in a text', { url: 'x?t=tcs_hunter2hunter2' }],
    ['a signing secret in a text', { text: 'uses whsec_hunter2hunter2' }],
    ['a bearer header in a text', { text: 'Bearer hunter2hunter2' }],
    ['a Secret', { value: new Secret('hunter2hunter2') }],
    ['an error that quotes one', { error: new Error('Bearer hunter2hunter2 was refused') }],
  ])('never writes %s', (_, detail) => {
    const { logger, lines } = capturedLog(() => 1)
    logger.log('error', 'failed', detail)
    expect(lines.join('')).not.toContain('hunter2hunter2')
    expect(lines).toHaveLength(1)
  })

  it('does not let a detail overwrite what the line says of itself', () => {
    const { logger, records } = capturedLog(() => 7)
    logger.log('info', 'told', { time: 1, level: 'x', msg: 'y' })
    expect(records()).toEqual([
      { level: 'info', time: 7, msg: 'told', time_: 1, level_: 'x', msg_: 'y' },
    ])
  })

  it('cuts long texts and deep values', () => {
    const { logger, lines } = capturedLog(() => 1)
    let deep: Record<string, unknown> = {}
    for (let i = 0; i < 5_000; i++) deep = { deep }
    logger.log('info', 'x'.repeat(1_000_000), { deep, long: 'y'.repeat(1_000_000) })
    expect(lines[0]?.length).toBeLessThan(6_000)
  })
})
