import type { Edit } from './plant.ts'

export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
}

/** The bugs that this design exists to rule out (issue 4), each as a developer could write it. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'position and effects in two transactions',
    edits: [
      {
        file: 'src/store/sqlite/commit.ts',
        find: `return inTransaction(this.#database, () => {
          if (!this.log.insert(request, epoch)) return`,
        replace: `const isNew = inTransaction(this.#database, () => this.log.insert(request, epoch))
          return inTransaction(this.#database, () => {
            if (!isNew) return`,
      },
    ],
  },
  {
    name: "outbox after the incident's transaction",
    edits: [
      {
        file: 'src/store/sqlite/commit.ts',
        find: 'this.#decisions.write(decision)',
        replace: `this.#decisions.write({ ...decision, deliveries: [] })
          void Promise.resolve().then(() => {
            const { deliveries } = decision
            this.#decisions.write({
              ...decision, incidents: [], events: [], timeline: [], deliveries,
            })
          })`,
      },
    ],
  },
  {
    name: 'outbox marked done before sending',
    edits: [
      {
        file: 'src/alerting/sender.ts',
        find: 'result = await makeAttempt(',
        replace: `await commit({
          ...undeliverable(delivery, clock(), ''), outcome: 'delivered', reason: null, detail: null,
        })
        $&`,
      },
    ],
  },
  {
    name: 'random episode id',
    edits: [
      {
        file: 'src/rules/windows/episodes.ts',
        find: 'id: derivedName(',
        replace: '$&String(Math.random()), ',
      },
    ],
  },
  {
    name: 'a failed commit dropped while the engine goes on with the next entry',
    edits: [
      {
        file: 'src/threads/core/committer.ts',
        find: 'if (!isRetryable(error)) throw error',
        replace: `$&
          const nothing = { incidents: [], timeline: [], dispositions: [], events: [] }
          const decision = { ...nothing, deliveries: [], results: [] }
          const recomputes = { asked: 0, refused: 0, recorded: 0, widened: 0, noted: 0 }
          return { lastNo: this.nextNo - 1, decision, recomputes, aliases: new Map() } as T`,
      },
    ],
  },
  {
    name: 'no fence',
    edits: [
      {
        file: 'src/store/sqlite/fence.ts',
        find: 'if (owned?.epoch === epoch)',
        replace: 'if (owned !== undefined)',
      },
    ],
  },
  {
    name: 'empty Matches dropped',
    edits: [
      {
        file: 'src/threads/core/feeds.ts',
        find: 'const hasRoom = this.rows + matches.rows.length',
        replace: 'if (matches.rows.length === 0) return 0\n $&',
      },
    ],
  },
  {
    name: 'clock entry not recorded',
    edits: [
      {
        file: 'src/threads/core/core.ts',
        find: 'if (due !== undefined) entries.push(',
        replace: 'if (due !== undefined) void (',
      },
    ],
  },
  {
    name: 'merge forgotten',
    edits: [
      {
        file: 'src/rules/windows/episodes.ts',
        find: `found === undefined ? episode : this.#merge(holder, found, episode, firing.timeMs)`,
        replace: 'found ?? episode',
      },
    ],
  },
  {
    name: 'checkpoint ahead of its entry',
    edits: [
      {
        file: 'src/threads/core/checkpointer.ts',
        find: 'this.#unwritten.push({ ...name, no: nextNo - 1',
        replace: 'this.#unwritten.push({ ...name, no: nextNo',
      },
    ],
  },
  {
    name: 'lateness judged by the minimum watermark',
    edits: [
      {
        file: 'src/rules/windows/admission.ts',
        find: 'match.timeMs < match.witnessedMs - match.lateByMs',
        replace: 'match.timeMs < match.watermarkMs - match.lateByMs',
      },
    ],
  },
  {
    name: 'late event missing from the ledger',
    edits: [
      {
        file: 'src/rules/rule-runner.ts',
        find: 'this.#ledger.count(admission, timeMs)',
        replace: "void (admission === 'late' || $&)",
      },
    ],
  },
]
