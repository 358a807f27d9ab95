// Units of work: one at a time, each saved as a whole or not at all, and what follows from them.

import { beforeEach, describe, expect, test } from '@jest/globals'
import { Refusal } from '../../../../services/endpoint/codes/refusal.js'
import type { EndpointEvent } from '../../../../services/endpoint/events.js'
import { clientSequenceOf, groupNumber } from '../../../../services/endpoint/ids.js'
import { Kept } from '../../../../services/endpoint/vault/records/kept.js'
import {
  at,
  inUnit,
  type Reader,
  Records,
  type Transaction,
} from '../../../../services/endpoint/vault/records.js'
import type { RowChange } from '../../../../services/endpoint/vault/vault.js'
import { MemoryDisk } from '../../../support/memory/vault.js'
import { keyIn, numbered } from '../../../support/numbers.js'

const message = (id: bigint) => keyIn('messages', { group: 1n, id })

let disk: MemoryDisk
let told: EndpointEvent[]
let records: Records
/** The changes of every write of a unit of work. */
let writes: (readonly RowChange[])[]
beforeEach(() => {
  disk = new MemoryDisk()
  told = []
  const vault = disk.open()
  records = new Records(vault, event => void told.push(event))
  writes = []
  const write = vault.write.bind(vault)
  vault.write = changes => {
    writes.push(changes)
    write(changes)
  }
})

const event: EndpointEvent = { type: 'line', line: { state: 'connecting' } }
const put = (tx: Transaction, text: string, id = 1n) => tx.put('messages', message(id), { text })
const texts = (reader: Reader) => reader.list('messages').map(({ record }) => record.text)
/** As another process would find it. */
const textsOnDisk = () => {
  const copy = new MemoryDisk()
  copy.copyFrom(disk)
  return texts(new Records(copy.open(), () => undefined))
}
const both = () => [texts(records), textsOnDisk()]

describe('a unit of work', () => {
  test('sees its own changes, which nobody else sees before it has ended', async () => {
    let seen: unknown[] = []
    await records.transaction(async tx => {
      put(tx, 'one')
      await Promise.resolve()
      seen = [texts(tx), texts(records), textsOnDisk()]
    })
    expect(seen).toEqual([['one'], [], []])
    expect(both()).toEqual([['one'], ['one']])
  })

  test('is one write, and none where nothing was changed', async () => {
    await records.transaction(tx => {
      put(tx, 'one')
      put(tx, 'two', 2n)
      tx.putBytes('states', at(groupNumber(1n)), Uint8Array.of(1))
    })
    await records.transaction(tx => texts(tx))
    expect(writes.map(changes => changes.length)).toEqual([3])
  })

  test('runs when those before it have ended, whatever became of them', async () => {
    const order: string[] = []
    const slow = records.transaction(async tx => {
      order.push('first begins')
      await new Promise(setImmediate)
      put(tx, 'first')
      order.push('first ends')
      throw new Error('no')
    })
    const next = records.transaction(tx => {
      order.push('second')
      put(tx, 'second')
      return texts(tx)
    })
    const idle = records.idle().then(() => order.push('idle'))
    await expect(slow).rejects.toThrow('no')
    expect(await next).toEqual(['second'])
    await idle
    expect(order).toEqual(['first begins', 'first ends', 'second', 'idle'])
  })

  test('gives what the work gives', async () => {
    expect(await records.transaction(() => 7)).toBe(7)
    expect(await records.transaction(async () => 'later')).toBe('later')
  })

  test('prepares, saves, follows, acts and tells, in this order', async () => {
    const order: string[] = []
    const emitting = new Records(new MemoryDisk().open(), () => void order.push('told'))
    await emitting.transaction(tx => {
      tx.tell(event)
      tx.after(() => order.push(`after: ${texts(emitting)}`))
      tx.follow({
        saved: () => order.push(`follows: ${texts(emitting)}`),
        uncertain: () => order.push('uncertain'),
      })
      tx.before(() => {
        order.push(`before: ${texts(emitting)}`)
        put(tx, 'prepared')
      })
      order.push('work')
    })
    expect(order).toEqual(['work', 'before: ', 'follows: prepared', 'after: prepared', 'told'])
  })

  test('cannot be used when it has ended', async () => {
    let kept: Transaction | undefined
    await records.transaction(tx => {
      put(tx, 'one')
      kept = tx
    })
    expect(() => kept?.get('messages', message(1n))).toThrow('has ended')
    expect(() => kept?.list('messages')).toThrow('has ended')
    await records
      .transaction(tx => {
        kept = tx
        throw new Refusal({ code: 'bad-handle', handle: 'x' })
      })
      .catch(() => undefined)
    expect(() => kept?.bytes('states', at(groupNumber(1n)))).toThrow('has ended')
  })

  test('changes what it has read itself, and nothing that was read elsewhere', async () => {
    await records.transaction(tx => {
      expect(() => inUnit(tx, tx)).not.toThrow()
      expect(() => inUnit(records, tx)).toThrow('not of this unit of work')
    })
  })
})

describe('of a unit of work that fails nothing stays', () => {
  const done: string[] = []
  beforeEach(async () => {
    done.length = 0
    await records.transaction(tx => void put(tx, 'before'))
    writes.length = 0
  })
  const doMuch = (tx: Transaction) => {
    put(tx, 'changed')
    put(tx, 'new', 2n)
    tx.link('claims', 'ada', numbered(1n))
    tx.deleteGroup('intents', groupNumber(1n))
    tx.after(() => done.push('after'))
    tx.tell(event)
  }
  const isAsBefore = () => {
    expect(both()).toEqual([['before'], ['before']])
    expect(records.linked('claims', 'ada')).toEqual([])
    expect([done, told]).toEqual([[], []])
  }

  test.each([new Error('a defect'), new Refusal({ code: 'bad-handle', handle: 'x' })])('%s', async error => {
    const failing = records.transaction(tx => {
      doMuch(tx)
      throw error
    })
    await expect(failing).rejects.toBe(error)
    isAsBefore()
    expect(writes).toEqual([])
  })

  test('in what it prepares at its end', async () => {
    const failing = records.transaction(tx => {
      doMuch(tx)
      tx.before(() => {
        throw new Error('a defect')
      })
    })
    await expect(failing).rejects.toThrow('a defect')
    isAsBefore()
  })

  test('in its write, which is lost', async () => {
    disk.fail({ reason: 'full' })
    await expect(records.transaction(doMuch)).rejects.toMatchObject({ reason: 'full' })
    isAsBefore()
    disk.mend()
    await records.transaction(tx => {
      expect(texts(tx)).toEqual(['before'])
      put(tx, 'after it')
    })
    expect(both()).toEqual([['after it'], ['after it']])
  })
})

describe('a write that failed and is on the disk all the same', () => {
  beforeEach(async () => {
    await records.transaction(tx => {
      put(tx, 'before')
      tx.put('outbox', at(clientSequenceOf(1n)), { clientSequence: clientSequenceOf(1n) })
    })
    disk.fail({ reason: 'damaged', kept: true })
  })

  test('counts from then on: memory is as the disk is', async () => {
    const failing = records.transaction(tx => {
      put(tx, 'kept')
      tx.delete('outbox', at(clientSequenceOf(1n)))
      tx.put('outbox', at(clientSequenceOf(2n)), { clientSequence: clientSequenceOf(2n) })
      tx.tell(event)
    })
    await expect(failing).rejects.toMatchObject({ reason: 'damaged' })
    expect(both()).toEqual([['kept'], ['kept']])
    expect(records.list('outbox').map(({ record }) => record.clientSequence)).toEqual([2n])
    expect(told).toEqual([])
  })

  test('is not trusted in what follows the records, either', async () => {
    const kept = new Kept<bigint, string>()
    kept.note(1n, 'before')
    const failing = records.transaction(tx => {
      put(tx, 'kept')
      kept.set(tx, 1n, 'draft')
    })
    await expect(failing).rejects.toThrow()
    expect(kept.get(records, 1n)).toBeUndefined()
  })
})

describe('what is saved ahead', () => {
  test('is on the disk before the rest of its unit of work, and stays where that fails', async () => {
    const failing = records.transaction(tx => {
      put(tx, 'rest', 2n)
      tx.putAhead('messages', message(1n), { text: 'ahead' })
      expect(textsOnDisk()).toEqual(['ahead'])
      expect(texts(tx)).toEqual(['ahead', 'rest'])
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(both()).toEqual([['ahead'], ['ahead']])
  })

  test('and could not be, ends the work', async () => {
    disk.fail({ reason: 'full' })
    const failing = records.transaction(tx => {
      put(tx, 'rest', 2n)
      tx.putAhead('messages', message(1n), { text: 'ahead' })
    })
    await expect(failing).rejects.toMatchObject({ reason: 'full' })
    disk.mend()
    expect(both()).toEqual([[], []])
  })

  test('can be taken back by the rest', async () => {
    await records.transaction(tx => {
      tx.putAhead('messages', message(1n), { text: 'ahead' })
      tx.delete('messages', message(1n))
    })
    expect(both()).toEqual([[], []])
  })
})
