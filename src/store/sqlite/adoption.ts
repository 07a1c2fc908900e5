import { InvariantError, type OpenKeyOf, type StoredChange } from '../../model/commit.ts'
import type { Episode, EpisodeChange } from '../../model/episode.ts'
import type { EpisodeTable, StoredRow } from './episode-table.ts'
import { covering, widened } from '../widen.ts'

/** What the changes of one commit did to the stored episodes. */
export interface AppliedChanges {
  readonly changes: StoredChange[]
  /** Ids of the rows that were inserted: each needs a disposition (I9). */
  readonly inserted: string[]
  /** Engine id → stored id where they differ. */
  readonly aliases: Map<string, string>
  /** Absorbed row → its survivor: each becomes `merged` once it has been decided on. */
  readonly absorbed: Map<string, string>
}

/**
 * Applies the engine's changes to the stored episodes (design §4.3, I5). The engine always says
 * `opened`; when a stored episode of the same rule, group and mode reaches within the quiet period
 * of it, that row is *adopted*: the engine's id becomes an alias of it until it settles, and the
 * row only grows from then on. A row that was never adopted is exactly what the engine says.
 *
 * When two engine episodes share a row, its state is what the later change says.
 */
export class Adoption implements AppliedChanges {
  readonly changes: StoredChange[] = []
  readonly inserted: string[] = []
  readonly aliases = new Map<string, string>()
  readonly absorbed = new Map<string, string>()
  readonly #table: EpisodeTable
  readonly #openKeyOf: OpenKeyOf

  constructor(table: EpisodeTable, openKeyOf: OpenKeyOf) {
    this.#table = table
    this.#openKeyOf = openKeyOf
  }

  apply(change: EpisodeChange, ruleset: string | null): void {
    if (change.change === 'merged') this.#merge(change)
    else if (change.change === 'opened') this.#open(change, ruleset)
    else this.#change(change, this.#required(change.episode.id, change))
    if (change.change === 'settled') this.#table.dropAlias(change.episode.id)
  }

  #open(change: EpisodeChange, ruleset: string | null): void {
    const { episode } = change
    const { mode } = this.#openKeyOf(change)
    const row =
      this.#find(episode.id) ??
      this.#table.reaching(episode, mode, around(episode, change.quietMs))[0]
    if (row !== undefined) {
      if (row.episode.id !== episode.id) this.#table.setAlias(episode.id, row.episode.id)
      this.#change(change, { ...row, widened: true })
      return
    }
    this.#table.insert(episode, mode, ruleset)
    this.inserted.push(episode.id)
    this.changes.push({ change, episode, mode, incidentId: null, adopted: false })
  }

  #change(change: EpisodeChange, row: StoredRow): void {
    const id = row.episode.id
    const { episode: said } = change
    if (id !== said.id) this.aliases.set(said.id, id)
    const episode = row.widened ? widened(row.episode, said) : { ...said, id }
    this.#table.update(episode, row.widened)
    this.#push(change, row, episode)
    if (change.change === 'opened' || grew(row.episode, episode)) {
      this.#absorbReached({ ...row, episode }, change)
    }
  }

  /**
   * A row that grew may reach others, which the engine no longer knows or has merged itself in a
   * change that follows: they are one episode now.
   */
  #absorbReached(row: StoredRow, change: EpisodeChange): void {
    let survivor = row
    for (;;) {
      const interval = around(survivor.episode, change.quietMs)
      const [reached] = this.#table.reaching(survivor.episode, survivor.mode, interval)
      if (reached === undefined) return
      const { episode } = reached
      const merged: EpisodeChange = {
        change: 'merged',
        episode,
        atMs: change.atMs,
        quietMs: change.quietMs,
        into: survivor.episode.id,
      }
      survivor = this.#absorb(merged, reached, survivor)
    }
  }

  #merge(change: EpisodeChange): void {
    const { into, episode } = change
    if (into === undefined) {
      throw new InvariantError(`the episode ${episode.id} was merged without naming the survivor`)
    }
    const absorbed = this.#required(episode.id, change)
    const survivor = this.#required(into, change)
    this.#table.dropAlias(episode.id)
    if (absorbed.episode.id === survivor.episode.id) {
      // Both had adopted one row: to it this is a change that widens it, and nothing ends.
      const covered = covering(survivor.episode, episode)
      this.#table.update(covered, survivor.widened)
      this.#push({ ...change, change: 'changed', episode: covered }, survivor, covered)
      return
    }
    this.#absorb({ ...change, into: survivor.episode.id }, absorbed, survivor)
  }

  #absorb(change: EpisodeChange, absorbed: StoredRow, survivor: StoredRow): StoredRow {
    const id = absorbed.episode.id
    const survivorId = survivor.episode.id
    const said = { ...change.episode, id }
    const closed: Episode = {
      ...(absorbed.widened ? widened(absorbed.episode, said) : said),
      state: 'settled',
    }
    this.#table.update(closed, absorbed.widened)
    this.#table.setMergedInto(id, survivorId)
    this.absorbed.set(id, survivorId)
    const episode = covering(survivor.episode, closed)
    const isWidened = survivor.widened || absorbed.widened
    this.#table.update(episode, isWidened)
    this.#push(change, absorbed, closed)
    return { ...survivor, episode, widened: isWidened }
  }

  #push(change: EpisodeChange, row: StoredRow, episode: Episode): void {
    const { mode, incidentId } = row
    this.changes.push({ change, episode, mode, incidentId, adopted: change.change === 'opened' })
  }

  #required(engineId: string, change: EpisodeChange): StoredRow {
    const row = this.#find(engineId)
    if (row !== undefined) return row
    throw new InvariantError(
      `the engine says "${change.change}" of the episode ${engineId}, which is not stored`,
    )
  }

  /** The row behind an engine's id, through its alias and past every row that was absorbed. */
  #find(engineId: string): StoredRow | undefined {
    let row = this.#table.find(this.#table.storedId(engineId))
    while (row?.mergedInto != null) row = this.#table.find(row.mergedInto)
    return row
  }
}

function grew(before: Episode, after: Episode): boolean {
  return after.startMs < before.startMs || after.endMs > before.endMs
}

/** Firings within the quiet period of one another belong to one episode. */
function around(episode: Episode, quietMs: number): { fromMs: number; toMs: number } {
  return { fromMs: episode.startMs - quietMs, toMs: episode.endMs + quietMs }
}
