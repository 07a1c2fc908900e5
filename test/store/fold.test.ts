import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { createDecide } from '../../src/incidents/decide.ts'
import { openKeyOf } from '../../src/incidents/dedup.ts'
import { DEFAULT_POLICY } from '../../src/incidents/policy.ts'
import type { CommandRequest } from '../../src/model/command.ts'
import { isEnded } from '../../src/model/incident.ts'
import type { EpisodeChange } from '../../src/model/episode.ts'
import { change, command, request, T0 } from './builders.ts'
import { sqliteHarness } from './sqlite-harness.ts'

const QUIET = 10
const LATE_BY = 30

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('fire'), at: fc.integer({ min: -35, max: 15 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait'), at: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('forget'), at: fc.integer({ min: 0, max: 60 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dismiss'), at: fc.nat(3) }) },
)

it('the real decision over replays, merges and late firings keeps one row per run and true signals', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 14 }),
      async (commits) => {
        const harness = await sqliteHarness()
        const store = await harness.open()
        await store.claim('core', T0)
        const keyOf = openKeyOf(() => 'real')
        const decide = createDecide({
          policy: DEFAULT_POLICY,
          ruleInfo: () => undefined,
          openKeyOf: keyOf,
          deliveriesFor: () => [],
        })
        const engine = new SmallEngine()
        for (const [i, steps] of commits.entries()) {
          const changes: EpisodeChange[] = []
          const commands: CommandRequest[] = []
          for (const [nth, { kind, at }] of steps.entries()) {
            if (kind === 'fire') changes.push(...engine.fire(engine.now + at))
            else if (kind === 'wait') changes.push(...engine.wait(at))
            else if (kind === 'forget') changes.push(...engine.forget(at))
            else {
              const newest = await harness.readModel.incidents({ limit: 4, open: true })
              const named = newest.items[at]
              const dismiss = { kind: 'dismiss', as: 'test', reason: 'dice' } as const
              const id = `c${i}-${nth}`
              if (named !== undefined) {
                commands.push(command(id, { ...dismiss, incidentId: named.id }, named.version))
              }
            }
          }
          const nowMs = T0 + engine.now
          await store.commit(request(i + 1, changes, { commands, nowMs }), decide, keyOf)

          const { items: episodes } = await harness.readModel.episodes({ limit: 500 })
          const alone = episodes.filter((one) => one.disposition !== 'merged')
          for (const one of alone) {
            expect(one.disposition).not.toBeNull()
            const near = alone.filter(
              (other) => other.startMs - QUIET <= one.endMs && one.startMs <= other.endMs + QUIET,
            )
            expect(near).toEqual([one])
          }
          const { items: incidents } = await harness.readModel.incidents({ limit: 500 })
          for (const incident of incidents.filter(({ phase }) => !isEnded(phase))) {
            const own = alone.filter((one) => one.incidentId === incident.id)
            const isFiring = own.some((one) => one.state === 'open')
            expect([incident.number, incident.signal]).toEqual([
              incident.number,
              isFiring ? 'firing' : 'clear',
            ])
          }
        }
        await harness.close()
      },
    ),
    { numRuns: 60 },
  )
})

interface Run {
  readonly id: string
  start: number
  end: number
  isCleared: boolean
}

/** The episodes of design §4.3 for one group, with a restart that replays under other ids. */
class SmallEngine {
  now = 100
  #runs: Run[] = []
  #firings: number[] = []
  #opened = 0

  fire(at: number): EpisodeChange[] {
    if (at < this.now - LATE_BY) return []
    this.#firings.push(at)
    return this.#fire(at)
  }

  wait(ms: number): EpisodeChange[] {
    this.now += ms
    const changes: EpisodeChange[] = []
    for (const run of this.#runs) {
      if (this.now > run.end + QUIET && !run.isCleared) {
        run.isCleared = true
        changes.push(changeOf('cleared', run))
      }
      if (this.now > run.end + QUIET + LATE_BY) changes.push(changeOf('settled', run))
    }
    this.#runs = this.#runs.filter((run) => this.now <= run.end + QUIET + LATE_BY)
    return changes
  }

  /** Loses its state and sees the latest firings again, as after a rebuild. */
  forget(backMs: number): EpisodeChange[] {
    this.#runs = []
    const again = this.#firings.filter((at) => at >= this.now - backMs)
    return [...again.flatMap((at) => this.#fire(at)), ...this.wait(0)]
  }

  #fire(at: number): EpisodeChange[] {
    const [first, second] = this.#runs.filter(
      (run) => run.start - QUIET <= at && at <= run.end + QUIET,
    )
    if (first === undefined) {
      const run = { id: `e${this.#opened++}`, start: at, end: at, isCleared: false }
      this.#runs.push(run)
      return [changeOf('opened', run)]
    }
    const isRefired = first.isCleared
    first.isCleared = false
    first.start = Math.min(first.start, at)
    first.end = Math.max(first.end, at)
    if (second === undefined) return [changeOf(isRefired ? 'refired' : 'changed', first)]
    first.start = Math.min(first.start, second.start)
    first.end = Math.max(first.end, second.end)
    this.#runs = this.#runs.filter((run) => run !== second)
    const merged = changeOf('merged', second, first.id)
    return [merged, changeOf(isRefired ? 'refired' : 'changed', first)]
  }
}

function changeOf(kind: EpisodeChange['change'], run: Run, into?: string): EpisodeChange {
  const over = { id: run.id, startMs: T0 + run.start, endMs: T0 + run.end }
  return change(kind, over, { quietMs: QUIET, ...(into === undefined ? {} : { into }) })
}
