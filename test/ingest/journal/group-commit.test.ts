import { expect, test } from 'vitest'
import { GroupCommit } from '../../../src/ingest/journal/group-commit.ts'
import { type JournalWriter, JournalWriteError } from '../../../src/ingest/journal/journal.ts'
import type { Occurrence } from '../../../src/model/occurrence.ts'
import type { Slab } from '../../../src/model/slab.ts'
import { slab } from '../../contracts/slab-builder.ts'

/** A writer that notes each append, and throws when told to. */
class FakeWriter implements JournalWriter {
  readonly appends: Slab[][] = []
  failure: Error | undefined

  append(slabs: readonly Slab[]) {
    if (this.failure !== undefined) throw this.failure
    this.appends.push([...slabs])
    return slabs.map(({ partition, thread, seq }) => ({
      partition,
      thread,
      seq,
      count: 1,
      firstPosition: 0,
    }))
  }
  retain() {
    return []
  }
  close(): void {}
}

function setUp(maxBytes?: number) {
  const writer = new FakeWriter()
  const occurrences: Occurrence[] = []
  const report = (occurrence: Occurrence): void => void occurrences.push(occurrence)
  const limit = maxBytes === undefined ? {} : { maxBytes }
  return { writer, occurrences, commit: new GroupCommit({ writer, report, ...limit }) }
}

test('everything that waits goes into one append, in order', () => {
  const { writer, commit } = setUp()
  for (const seq of [1, 2, 3]) expect(commit.push(slab('a@1', ['x'], seq))).toBeUndefined()
  expect(commit.waiting).toBe(3)
  const { durable, refused } = commit.flush()
  expect(writer.appends.map((slabs) => slabs.map(({ seq }) => seq))).toEqual([[1, 2, 3]])
  expect(durable.map(({ seq }) => seq)).toEqual([1, 2, 3])
  expect(refused).toEqual([])
  expect(commit.waiting).toBe(0)
})

test('a flush with nothing waiting does not touch the disk', () => {
  const { writer, commit } = setUp()
  expect(commit.flush()).toEqual({ durable: [], refused: [] })
  expect(writer.appends).toEqual([])
})

test('what finds no room is refused by name and counted as records of its input', () => {
  const { commit, occurrences } = setUp(200)
  expect(commit.push(slab('tcp@1', ['x'.repeat(100)], 1))).toBeUndefined()
  expect(commit.push(slab('tcp@1', ['x'.repeat(100), 'y'], 2))).toEqual({
    partition: 'tcp@1',
    thread: 0,
    seq: 2,
    message: expect.stringMatching(/does not keep up: \d+ bytes are waiting/),
  })
  expect(occurrences).toEqual([{ name: 'journal.full', labels: { input: 'tcp' }, count: 2 }])
  expect(commit.flush().durable.map(({ seq }) => seq)).toEqual([1])
  expect(commit.push(slab('tcp@1', ['x'.repeat(100)], 3)), 'there is room again').toBeUndefined()
})

test('a slab larger than all the room is taken when nothing waits', () => {
  const { commit } = setUp(10)
  expect(commit.push(slab('tcp@1', ['x'.repeat(100)], 1))).toBeUndefined()
  expect(commit.flush().durable).toHaveLength(1)
})

test('when the disk refuses, each slab is answered, and the next flush starts afresh', () => {
  const { writer, commit, occurrences } = setUp()
  writer.failure = new JournalWriteError('appending', 13, new Error('disk is full'))
  commit.push(slab('tcp@1', ['x', 'y'], 1))
  commit.push(slab('udp@1', ['z'], 1))
  expect(commit.flush()).toEqual({
    durable: [],
    refused: [
      { partition: 'tcp@1', thread: 0, seq: 1, message: 'appending: disk is full (errcode 13)' },
      { partition: 'udp@1', thread: 0, seq: 1, message: 'appending: disk is full (errcode 13)' },
    ],
  })
  expect(occurrences).toEqual([
    { name: 'journal.full', labels: { input: 'tcp' }, count: 2 },
    { name: 'journal.full', labels: { input: 'udp' }, count: 1 },
  ])
  writer.failure = undefined
  commit.push(slab('tcp@1', ['x'], 2))
  expect(commit.flush().durable.map(({ seq }) => seq)).toEqual([2])
})

test('an error that is not the disk is not taken for one', () => {
  const { writer, commit } = setUp()
  writer.failure = new Error('a bug')
  commit.push(slab('tcp@1', ['x'], 1))
  expect(() => commit.flush()).toThrow('a bug')
})
