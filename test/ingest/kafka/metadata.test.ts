import { describe, expect, it } from 'vitest'

import { decodeMetadata, encodeMetadataRequest } from '../../../src/ingest/kafka/metadata.ts'

const ID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

/** A compact text: its length and one, then itself. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length + 1]), Buffer.from(value)])
}

function partition(number: number): Buffer {
  const replicas = Buffer.concat([Buffer.from([3]), int32(1), int32(2)])
  const offline = Buffer.from([1])
  const parts = [int16(0), int32(number), int32(1), int32(7), replicas, replicas, offline]
  return Buffer.concat([...parts, Buffer.from([0])])
}

function answer(topics: readonly Buffer[]): Buffer {
  const broker = Buffer.concat([
    int32(1),
    text('localhost'),
    int32(9_092),
    Buffer.from([0]),
    // One tag that nobody knows yet.
    Buffer.from([1, 5, 2, 9, 9]),
  ])
  return Buffer.concat([
    Buffer.from([0]),
    int32(0),
    Buffer.from([2]),
    broker,
    text('cluster'),
    int32(1),
    Buffer.from([topics.length + 1]),
    ...topics,
    Buffer.from([0]),
  ])
}

function topic(name: string, error: number, partitions: readonly number[]): Buffer {
  return Buffer.concat([
    int16(error),
    text(name),
    ID,
    Buffer.from([0, partitions.length + 1]),
    ...partitions.map(partition),
    int32(-2_147_483_648),
    Buffer.from([0]),
  ])
}

describe('the metadata request that tells topic ids', () => {
  it('names topics by their names, without ids, and makes none', () => {
    const bytes = encodeMetadataRequest(['ab'])
    expect([...bytes]).toEqual([0, 2, ...Array<number>(16).fill(0), 3, 0x61, 0x62, 0, 0, 0, 0])
  })

  it('writes long lists and names with lengths of several bytes', () => {
    const bytes = encodeMetadataRequest(Array<string>(200).fill('x'.repeat(200)))
    expect([...bytes.subarray(1, 3)]).toEqual([0xc9, 0x01])
    expect([...bytes.subarray(19, 21)]).toEqual([0xc9, 0x01])
  })

  it('reads ids as Kafka shows them, partitions, and passes over tags', () => {
    const bytes = answer([topic('orders', 0, [0, 2, 1]), topic('gone', 3, [])])
    expect(decodeMetadata(bytes)).toEqual([
      { topic: 'orders', id: 'AAECAwQFBgcICQoLDA0ODw', partitions: [0, 2, 1] },
      { topic: 'gone', error: 3 },
    ])
  })

  it('throws for an answer that is cut off anywhere', () => {
    const whole = answer([topic('orders', 0, [0])])
    // The last byte is the list of tags, which is not looked at.
    for (let length = 0; length < whole.length - 1; length++) {
      expect(() => decodeMetadata(whole.subarray(0, length))).toThrow(RangeError)
    }
  })
})
