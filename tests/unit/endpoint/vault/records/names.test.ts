import { describe, expect, test } from '@jest/globals'
import { conversationNumber, groupNumber } from '../../../../../services/endpoint/ids.js'
import { namesOf } from '../../../../../services/endpoint/vault/records/names.js'
import { checkKey } from '../../../../../services/endpoint/vault/table.js'
import { accountKey, deviceKey } from '../../../../../services/protocol/keys.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'

const open = (disk: MemoryDisk) => {
  const vault = disk.open()
  const names = namesOf(vault)
  vault.close()
  return names
}

describe('the number of a value', () => {
  test('stays the same in a vault, and is another one in another vault', () => {
    const disk = new MemoryDisk()
    const number = open(disk)('awaited', 'ada')
    expect(open(disk)('awaited', 'ada')).toBe(number)
    expect(open(new MemoryDisk())('awaited', 'ada')).not.toBe(number)
  })

  test('is another one for another value, or for the same in another meaning', () => {
    const names = open(new MemoryDisk())
    const id = deviceKey(new Uint8Array(32))
    const numbers = [
      names('awaited', 'ada'),
      names('awaited', 'bob'),
      names('claims', 'ada'),
      names('contact', accountKey(id)),
      names('direct', accountKey(id)),
      names('group', id),
      names('device', id),
      names('carriers', conversationNumber(1n)),
      names('owed', groupNumber(1n)),
      names('owed', groupNumber(2n)),
    ]
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  test('is a key of a vault', () => {
    const names = open(new MemoryDisk())
    for (let count = 0n; count < 1000n; count++) {
      const number = names('carriers', conversationNumber(count))
      expect(() => checkKey({ group: number, id: number })).not.toThrow()
      expect(number).toBeGreaterThanOrEqual(0n)
    }
  })

  test('a damaged key is not replaced by another one, under which nothing would be found', () => {
    const vault = new MemoryDisk().open()
    const get: typeof vault.get = () => {
      throw new Error('damaged')
    }
    expect(() => namesOf({ get, write: vault.write })).toThrow('damaged')
    expect([...vault.keys('meta')]).toEqual([])
  })
})
