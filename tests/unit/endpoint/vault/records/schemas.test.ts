// Records as they are read: values that nobody changes, found by their keys, a part of a table, or what they hold.

import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  clientSequenceOf,
  conversationNumber,
  countOf,
  groupNumber,
  messageNumber,
} from '../../../../../services/endpoint/ids.js'
import {
  at,
  nextId,
  type Reader,
  Records,
  type Transaction,
} from '../../../../../services/endpoint/vault/records.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'
import { keyIn } from '../../../../support/numbers.js'

const SENDER = keyIn('senders', { group: 1n, id: 1n })
const message = (id: bigint) => keyIn('messages', { group: 1n, id })

let disk: MemoryDisk
let records: Records
beforeEach(() => {
  disk = new MemoryDisk()
  records = new Records(disk.open(), () => undefined)
})

const put = (tx: Transaction, text: string, id = 1n) => tx.put('messages', message(id), { text })
const texts = (reader: Reader) => reader.list('messages').map(({ record }) => record.text)

describe('a record', () => {
  const isFrozen = (reader: Reader) => {
    const record = reader.get('senders', SENDER)!
    expect(() => Object.assign(record, { received: countOf(9n) })).toThrow(TypeError)
    expect(() => Array.prototype.push.call(record.missing, 9n)).toThrow(TypeError)
  }

  test('is a value: nobody can change what was read or put', async () => {
    const given = { received: countOf(1n), missing: [countOf(1n)] }
    await records.transaction(tx => {
      const saved = tx.put('senders', SENDER, given)
      expect(Object.isFrozen(saved)).toBe(true)
      isFrozen(tx)
    })
    isFrozen(records)
    const copy = new MemoryDisk()
    copy.copyFrom(disk)
    isFrozen(new Records(copy.open(), () => undefined))
  })

  test('is put as a whole: what is not given is empty', async () => {
    await records.transaction(
      tx => void tx.put('senders', SENDER, { received: countOf(1n), owed: countOf(2n) }),
    )
    await records.transaction(tx => void tx.put('senders', SENDER, { received: countOf(3n) }))
    expect(records.get('senders', SENDER)).toMatchObject({
      received: countOf(3n),
      owed: countOf(0n),
      missing: [],
    })
  })

  test('of a table, a group of it, or a part of that is found in the order of its key', async () => {
    await records.transaction(tx => {
      for (const [group, id] of [
        [2n, 1n],
        [1n, 3n],
        [1n, 1n],
        [1n, 2n],
      ] as const)
        tx.put(
          'messages',
          { group: conversationNumber(group), id: messageNumber(id) },
          { text: `${group}/${id}` },
        )
    })
    expect(texts(records)).toEqual(['1/1', '1/2', '1/3', '2/1'])
    expect(
      records
        .list('messages', { group: conversationNumber(1n), after: messageNumber(1n) })
        .map(({ key }) => key.id),
    ).toEqual([2n, 3n])
    expect(
      records.keys('messages', {
        group: conversationNumber(1n),
        before: messageNumber(3n),
        reverse: true,
        limit: 1,
      }),
    ).toEqual([message(2n)])
    expect([records.has('messages', message(3n)), records.has('messages', message(4n))]).toEqual([
      true,
      false,
    ])
    expect(records.get('messages', message(4n))).toBeUndefined()
  })

  test('gets the number behind the highest, that of this unit of work too', async () => {
    const numbers = await records.transaction(tx => {
      const first = nextId(tx, 'messages', conversationNumber(1n))
      put(tx, 'one', first)
      return [
        first,
        nextId(tx, 'messages', conversationNumber(1n)),
        nextId(tx, 'messages', conversationNumber(2n)),
      ]
    })
    expect(numbers).toEqual([1n, 2n, 1n])
  })

  test('that is damaged is known as such, in memory or not', async () => {
    await records.transaction(tx => {
      put(tx, 'one')
      tx.putBytes('states', at(groupNumber(1n)), Uint8Array.of(1))
    })
    expect(records.isIntact('messages', message(1n))).toBe(true)
    expect(records.isIntact('states', at(groupNumber(1n)))).toBe(true)
    const vault = { ...new MemoryDisk().open() }
    vault.get = table => {
      if (table === 'messages') return Uint8Array.of(255)
      if (table === 'states') throw new Error('damaged')
      return undefined
    }
    const damaged = new Records(vault, () => undefined)
    expect(damaged.isIntact('messages', message(1n))).toBe(false)
    expect(damaged.isIntact('states', at(groupNumber(1n)))).toBe(false)
    expect(damaged.isIntact('outbox', at(clientSequenceOf(1n)))).toBe(true)
  })
})

describe('a link', () => {
  test('finds the numbers that a value leads to, the lowest first', async () => {
    await records.transaction(tx => {
      tx.link('room', 'tea', conversationNumber(3n))
      tx.link('room', 'tea', conversationNumber(1n))
      tx.link('awaited', 'tea', conversationNumber(2n))
      expect(tx.linked('room', 'tea')).toEqual([1n, 3n])
      expect(records.linked('room', 'tea')).toEqual([])
    })
    await records.transaction(tx => tx.unlink('room', 'tea', conversationNumber(2n)))
    expect([records.linked('room', 'tea'), records.linked('room', 'tea', 1)]).toEqual([[1n, 3n], [1n]])
    await records.transaction(tx => tx.unlink('room', 'tea', conversationNumber(1n)))
    expect([records.linked('room', 'tea'), records.linked('awaited', 'tea')]).toEqual([[3n], [2n]])
  })
})
