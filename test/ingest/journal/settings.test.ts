import { expect, test } from 'vitest'
import { journalSchema } from '../../../src/ingest/journal/settings.ts'

test('without settings the journal keeps 7 days or 50 GB in segments of 256 MiB or an hour', () => {
  expect(journalSchema.parse({})).toEqual({
    maxAgeMs: 604_800_000,
    maxBytes: 50_000_000_000,
    maxSegmentBytes: 268_435_456,
    maxSegmentMs: 3_600_000,
  })
})

test('settings are read with their units', () => {
  const settings = { max_age: '12h', max_size: '2GiB', segment_size: '8MiB', segment_age: '5m' }
  expect(journalSchema.parse(settings)).toEqual({
    maxAgeMs: 43_200_000,
    maxBytes: 2_147_483_648,
    maxSegmentBytes: 8_388_608,
    maxSegmentMs: 300_000,
  })
})

test.for([
  [{ max_age: '7' }, /"7": expected a duration such as/],
  [{ max_age: '0s' }, /"0s": expected a duration/],
  [{ max_size: '50' }, /"50": expected a size such as "512MiB"/],
  [{ segment_size: '1KiB' }, /"1KiB": expected a size .* from 1048576 to/],
  [{ segment_age: '5ms' }, /"5ms": expected a duration .* at least 1000 ms/],
  [{ max_segments: 3 }, /max_segments/],
] as const)('%j is refused with what was expected', ([settings, message]) => {
  const result = journalSchema.safeParse(settings)
  expect(result.error?.issues.map((issue) => issue.message).join()).toMatch(message)
})
