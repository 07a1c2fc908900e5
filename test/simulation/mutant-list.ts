export interface Mutant {
  readonly name: string
  readonly edits: readonly {
    readonly file: string
    /** Exact text, found exactly once. */
    readonly find: string
    readonly replace: string
  }[]
}

/** The bugs that this design exists to rule out (issue 4), each as a developer could write it. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'position and effects in two transactions',
    edits: [
      {
        file: 'src/store/sqlite/commit.ts',
        find: `    return inTransaction(this.#database, () => {
      if (!this.log.insert(request, epoch)) return this.log.answer(request)
`,
        replace: `    const isNew = inTransaction(this.#database, () => this.log.insert(request, epoch))
    return inTransaction(this.#database, () => {
      if (!isNew) return this.log.answer(request)
`,
      },
    ],
  },
  {
    name: "outbox after the incident's transaction",
    edits: [
      {
        file: 'src/store/sqlite/commit.ts',
        find: '    this.#decisions.write(decision)\n',
        replace: `    this.#decisions.write({ ...decision, deliveries: [] })
    void Promise.resolve().then(() => {
      const { deliveries } = decision
      this.#decisions.write({ ...decision, incidents: [], events: [], timeline: [], deliveries })
    })
`,
      },
    ],
  },
  {
    name: 'outbox marked done before sending',
    edits: [
      {
        file: 'src/alerting/sender.ts',
        find: '      result = await makeAttempt(parts, delivery, receiver)\n',
        replace: `      await commit({
        ...undeliverable(delivery, clock(), ''),
        outcome: 'delivered',
        reason: null,
        detail: null,
      })
      result = await makeAttempt(parts, delivery, receiver)
`,
      },
    ],
  },
  {
    name: 'random episode id',
    edits: [
      {
        file: 'src/rules/windows/episodes.ts',
        find: 'id: derivedName(this.#rule.id, holder.key, ref),',
        replace: 'id: derivedName(this.#rule.id, holder.key, ref, String(Math.random())),',
      },
    ],
  },
  {
    name: 'a failed commit dropped while the engine goes on with the next entry',
    edits: [
      {
        file: 'src/threads/core/committer.ts',
        find: '        if (!isRetryable(error)) throw error\n',
        replace: `        if (!isRetryable(error)) throw error
        const nothing = { incidents: [], timeline: [], dispositions: [], events: [] }
        const decision = { ...nothing, deliveries: [], results: [] }
        return { lastNo: this.nextNo - 1, decision, aliases: new Map() } as T
`,
      },
    ],
  },
  {
    name: 'no fence',
    edits: [
      {
        file: 'src/store/sqlite/input-log.ts',
        find: 'if (shard === undefined || shard.epoch !== epoch) {',
        replace: 'if (shard === undefined) {',
      },
    ],
  },
  {
    name: 'empty Matches dropped',
    edits: [
      {
        file: 'src/threads/core/feeds.ts',
        find: '    const hasRoom = this.rows + matches.rows.length <= WAITING_ROWS_MAX\n',
        replace: `    const hasRoom = this.rows + matches.rows.length <= WAITING_ROWS_MAX
    if (matches.rows.length === 0) return 0
`,
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
        find: 'found = found === undefined ? episode : this.#merge(holder, found, episode, firing.timeMs)',
        replace: 'found ??= episode',
      },
    ],
  },
  {
    name: 'checkpoint ahead of its entry',
    edits: [
      {
        file: 'src/threads/core/checkpointer.ts',
        find: 'this.#unwritten.push({ ...name, no: nextNo - 1, blob })',
        replace: 'this.#unwritten.push({ ...name, no: nextNo, blob })',
      },
    ],
  },
  {
    name: 'lateness judged by the minimum watermark',
    edits: [
      {
        file: 'src/rules/windows/admission.ts',
        find: 'if (match.timeMs < match.witnessedMs - match.lateByMs) return',
        replace: 'if (match.timeMs < match.watermarkMs - match.lateByMs) return',
      },
    ],
  },
  {
    name: 'late event missing from the ledger',
    edits: [
      {
        file: 'src/rules/rule-runner.ts',
        find: "if (admission !== 'admitted') this.#ledger.count(admission, timeMs)",
        replace:
          "if (admission === 'late') return\n    if (admission !== 'admitted') this.#ledger.count(admission, timeMs)",
      },
    ],
  },
]
