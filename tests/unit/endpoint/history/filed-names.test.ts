// Which messages of a conversation are here, while its history is handed over.

import { create, toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { TextStatementSchema } from '../../../../gen/parley/content/v1/chain_pb.js'
import { FiledNames } from '../../../../services/endpoint/history/filed-names.js'
import { conversationNumber, messageNumber, sequenceOf } from '../../../../services/endpoint/ids.js'
import { Records } from '../../../../services/endpoint/vault/records.js'
import { MemoryDisk } from '../../../support/memory/vault.js'

const device = (fill: number) => new Uint8Array(32).fill(fill)
const ONE = conversationNumber(1n)
const TWO = conversationNumber(2n)
const name = (sequence: bigint, fill = 1, sentAtMs = 7n) => ({
  sequence: sequenceOf(sequence),
  fromDevice: device(fill),
  sentAtMs,
})

let disk: MemoryDisk
let records: Records
let filed: FiledNames
beforeEach(() => {
  disk = new MemoryDisk()
  records = new Records(disk.open(), () => undefined)
  filed = new FiledNames()
})

/** A message of conversation 1 in the vault. */
const put = (id: bigint, sequence: bigint, fill = 1) =>
  records.transaction(tx => {
    tx.put('messages', { group: ONE, id: messageNumber(id) }, name(sequence, fill))
  })
const has = (sequence: bigint, fill = 1, conversation = ONE) =>
  filed.has(records, conversation, name(sequence, fill))

describe('a message', () => {
  test('is here by its place in the order and its device', async () => {
    await put(1n, 5n)
    expect([has(5n), has(5n, 2), has(6n), has(5n, 1, TWO)]).toEqual([true, false, false, false])
  })

  test('of another group may have the same place, and is told apart by when it was sent', async () => {
    await put(1n, 5n)
    expect(filed.has(records, ONE, name(5n, 1, 8n))).toBe(false)
    await records.transaction(tx => filed.add(tx, ONE, name(5n, 1, 8n)))
    expect([has(5n), filed.has(records, ONE, name(5n, 1, 8n))]).toEqual([true, true])
  })

  test('that its device has signed is here whatever is said of its place', async () => {
    const statement = Uint8Array.of(1, 2, 3)
    await records.transaction(tx => {
      tx.put('messages', { group: ONE, id: messageNumber(1n) }, { ...name(5n), statement })
    })
    const hasSigned = (sequence: bigint, signed = statement) =>
      filed.has(records, ONE, { ...name(sequence), statement: signed })
    expect([hasSigned(5n), hasSigned(9n), hasSigned(5n, Uint8Array.of(4))]).toEqual([true, true, false])
    // Nor does anybody tell it again.
    expect([has(5n), has(9n)]).toEqual([true, false])
  })

  test('that its device has said in two groups is here by one of them, and a second one of the same group is not', async () => {
    const said = (groupId: number, count: bigint, text = 'tea') =>
      toBinary(
        TextStatementSchema,
        create(TextStatementSchema, { groupId: new Uint8Array(16).fill(groupId), count, sentAtMs: 7n, text }),
      )
    await records.transaction(tx => {
      tx.put('messages', { group: ONE, id: messageNumber(1n) }, { ...name(5n), statement: said(1, 1n) })
    })
    const hasSaid = (statement: Uint8Array, fill = 1) =>
      filed.has(records, ONE, { ...name(9n, fill), statement })
    expect([hasSaid(said(1, 1n)), hasSaid(said(2, 4n))]).toEqual([true, true])
    expect([hasSaid(said(1, 2n)), hasSaid(said(2, 4n, 'coffee')), hasSaid(said(2, 4n), 2)]).toEqual([
      ...[false, false, false],
    ])
  })

  test('that somebody tells does not stand in the place of the one that its device has signed', async () => {
    await put(1n, 5n)
    expect(filed.has(records, ONE, { ...name(5n), statement: Uint8Array.of(1) })).toBe(false)
  })

  test('is here once it was added, in the same unit of work and after it', async () => {
    await records.transaction(tx => {
      filed.add(tx, ONE, name(7n))
      expect(filed.has(tx, ONE, name(7n))).toBe(true)
      expect(has(7n)).toBe(false)
      tx.put('messages', { group: ONE, id: messageNumber(1n) }, name(7n))
    })
    expect(has(7n)).toBe(true)
  })

  test('is not here where what added it was not saved', async () => {
    const failed = records.transaction(tx => {
      filed.add(tx, ONE, name(7n))
      throw new Error('full')
    })
    await expect(failed).rejects.toThrow('full')
    expect(has(7n)).toBe(false)
    disk.fail({ reason: 'full' })
    const lost = records.transaction(tx => {
      filed.add(tx, ONE, name(7n))
      tx.put('messages', { group: ONE, id: messageNumber(1n) }, name(7n))
    })
    await expect(lost).rejects.toThrow()
    disk.mend()
    expect(has(7n)).toBe(false)
  })

  test('that came by itself meanwhile is noted, and looked for only while history is handed over', async () => {
    await records.transaction(tx => filed.note(tx, ONE, name(8n)))
    // Nothing is handed over: the vault alone counts.
    expect(has(8n)).toBe(false)
    await records.transaction(tx => filed.add(tx, ONE, name(1n)))
    await records.transaction(tx => filed.note(tx, ONE, name(8n)))
    expect([has(8n), has(1n)]).toEqual([true, true])
    await records.transaction(tx => filed.end(tx, ONE))
    expect([has(8n), has(1n)]).toEqual([false, false])
  })

  test('is forgotten in the same unit of work in which all was handed over', async () => {
    await records.transaction(tx => {
      filed.add(tx, ONE, name(1n))
      filed.end(tx, ONE)
      expect(filed.has(tx, ONE, name(1n))).toBe(false)
      filed.add(tx, ONE, name(2n))
      expect([filed.has(tx, ONE, name(1n)), filed.has(tx, ONE, name(2n))]).toEqual([false, true])
    })
  })
})
