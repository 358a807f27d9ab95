import { beforeEach, describe, expect, test } from '@jest/globals'
import { countOf, groupNumber } from '../../../../../services/endpoint/ids.js'
import { Kept } from '../../../../../services/endpoint/vault/records/kept.js'
import { Records } from '../../../../../services/endpoint/vault/records.js'
import { MemoryDisk } from '../../../../support/memory/vault.js'

let disk: MemoryDisk
let records: Records
beforeEach(() => {
  disk = new MemoryDisk()
  records = new Records(disk.open(), () => undefined)
})

const weighed = () => new Kept<string, string>({ weigh: value => value.length, most: 6 })
/** Without moving them to the end. */
const present = (kept: Kept<string, string>, ...keys: string[]) =>
  keys.filter(key => kept.get(records, key) !== undefined)

describe('values in memory', () => {
  test('are those that were used last, as much as there is room for', () => {
    const kept = weighed()
    for (const key of ['a', 'b', 'c']) kept.note(key, 'xx')
    kept.get(records, 'a')
    kept.note('d', 'xxx')
    expect(present(kept, 'a', 'b', 'c', 'd')).toEqual(['a', 'd'])
  })

  test('that were made larger or smaller are weighed anew', () => {
    const kept = weighed()
    kept.note('a', 'xxxxx')
    kept.note('a', 'x')
    kept.note('b', 'xxxxx')
    expect(present(kept, 'a', 'b')).toEqual(['a', 'b'])
  })

  test('one that is larger than all together stays alone', () => {
    const kept = weighed()
    kept.note('a', 'x')
    kept.note('large', 'xxxxxxxxxx')
    expect(present(kept, 'a', 'large')).toEqual(['large'])
  })

  test('of a unit of work are seen by it alone until it is saved', async () => {
    const kept = weighed()
    kept.note('gone', 'x')
    await records.transaction(tx => {
      kept.set(tx, 'a', 'new')
      kept.set(tx, 'gone', undefined)
      expect([kept.get(tx, 'a'), kept.get(tx, 'gone')]).toEqual(['new', undefined])
      expect([kept.get(records, 'a'), kept.get(records, 'gone')]).toEqual([undefined, 'x'])
    })
    expect(present(kept, 'a', 'gone')).toEqual(['a'])
  })

  test('of a unit of work that failed by itself stay as they were', async () => {
    const kept = weighed()
    kept.note('a', 'old')
    const failing = records.transaction(tx => {
      kept.set(tx, 'a', 'new')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(kept.get(records, 'a')).toBe('old')
  })

  test.each([
    { doubted: undefined, after: undefined },
    { doubted: (value: string) => `${value}?`, after: 'old?' },
  ])(
    'of a unit of work of which nobody knows whether it is saved are made anew',
    async ({ doubted, after }) => {
      const kept = new Kept<string, string>(doubted ? { doubted } : {})
      kept.note('a', 'old')
      kept.note('other', 'old')
      disk.fail({ reason: 'full' })
      const failing = records.transaction(tx => {
        kept.set(tx, 'a', 'new')
        kept.set(tx, 'never there', 'new')
        tx.put('sent', { group: groupNumber(1n), id: countOf(1n) }, {})
      })
      await expect(failing).rejects.toThrow()
      expect(['a', 'other', 'never there'].map(key => kept.get(records, key))).toEqual([
        after,
        'old',
        undefined,
      ])
    },
  )
})
