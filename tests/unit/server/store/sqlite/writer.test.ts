import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from '@jest/globals'
import { Writer } from '../../../../../services/server/store/sqlite/database/writer.js'

function scene() {
  const db = new DatabaseSync(':memory:')
  db.exec('CREATE TABLE kept (value TEXT NOT NULL UNIQUE)')
  const insert = db.prepare('INSERT INTO kept VALUES (?)')
  const ends: string[] = []
  const writer = new Writer(db, {
    committed: () => ends.push('committed'),
    rolledBack: () => ends.push('rolled back'),
  })
  const add = (value: string | null, bytes = 1) =>
    writer.run({
      bytes,
      work: () => {
        insert.run(value)
        return value
      },
    })
  const kept = () =>
    db
      .prepare('SELECT value FROM kept ORDER BY rowid')
      .all()
      .map(row => row.value)
  return { writer, add, kept, ends }
}

describe('the writer', () => {
  test('writes all that came meanwhile in one transaction', async () => {
    const { add, kept, ends } = scene()
    expect(await Promise.all([add('a'), add('b'), add('c')])).toEqual(['a', 'b', 'c'])
    expect(kept()).toEqual(['a', 'b', 'c'])
    expect(ends).toEqual(['committed'])
  })

  test('a write that fails does not undo its neighbours', async () => {
    const { add, kept } = scene()
    const results = await Promise.allSettled([add('a'), add(null), add('b'), add('a')])
    expect(results.map(result => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
    expect(kept()).toEqual(['a', 'b'])
  })

  test('bounds a transaction in writes and bytes', async () => {
    const many = scene()
    await Promise.all(Array.from({ length: 2_500 }, (_, index) => many.add(String(index))))
    expect(many.ends).toHaveLength(3)
    const large = scene()
    await Promise.all(['a', 'b', 'c'].map(value => large.add(value, 5 * 1024 * 1024)))
    expect(large.ends).toHaveLength(3)
    expect(large.kept()).toEqual(['a', 'b', 'c'])
  })

  test('closes after what was queued, and takes no more', async () => {
    const { writer, add, kept } = scene()
    const pending = [add('a'), add('b')]
    await writer.close()
    expect(kept()).toEqual(['a', 'b'])
    await Promise.all(pending)
    await expect(add('c')).rejects.toThrow('closed')
  })
})
