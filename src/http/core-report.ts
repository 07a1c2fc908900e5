import { z } from 'zod'

const sample = z
  .object({
    timeMs: z.number(),
    fields: z.record(z.string(), z.union([z.string(), z.number()])),
    flags: z.array(z.string()).catch([]),
  })
  .nullable()
  .catch(null)

const report = z.object({
  rule: z.object({ id: z.string(), title: z.string() }).partial().catch({}),
  summary: z.string().nullable().catch(null),
  runbook: z.string().nullable().catch(null),
  value: z.number().nullable().catch(null),
  threshold: z.string().nullable().catch(null),
  window: z.string().nullable().catch(null),
  matches: z.number().nullable().catch(null),
  firstEvent: sample,
  lastEvent: sample,
  graylogUrl: z.string().nullable().catch(null),
})

/** What the page shows of a stored report; parts of another shape are left out, never guessed. */
export type CoreReport = z.output<typeof report>
export type ReportSample = NonNullable<CoreReport['lastEvent']>

/** Reads a report as it was stored; `undefined` when it is none at all. */
export function readReport(stored: unknown): CoreReport | undefined {
  const result = report.safeParse(stored)
  return result.success ? result.data : undefined
}

/** `20 in 5m (at_least 20)`, as far as the rule has such things. */
export function whatFired({ value, window, threshold }: CoreReport): string | null {
  if (value === null) return null
  const inWindow = window === null ? '' : ` in ${window}`
  const limit = threshold === null ? '' : ` (${threshold.replaceAll('_', ' ')})`
  return `${value}${inWindow}${limit}`
}
