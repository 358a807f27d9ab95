import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from '@jest/globals'
import { Writer } from '../../../../../../services/server/store/sqlite/database/writer.js'

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

  test('answers nothing before the commit: where that fails, all of it is undone and tried one by one', async () => {
    const db = new DatabaseSync(':memory:')
    // A row without its parent is found out by COMMIT and not before.
    db.exec(`PRAGMA foreign_keys = ON;
      CREATE TABLE parents (key INTEGER PRIMARY KEY);
      CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`)
    const insert = db.prepare('INSERT INTO children VALUES (?)')
    const events: string[] = []
    const writer = new Writer(db, {
      committed: () => events.push('committed'),
      rolledBack: () => events.push('rolled back'),
    })
    const add = (parent: number | null) =>
      writer
        .run({ bytes: 1, work: () => void insert.run(parent) })
        .then(() => events.push('answered'))
        .catch(({ message }: Error) => events.push(message))
    await Promise.all([add(null), add(7), add(null)])
    expect(events.slice(0, 4)).toEqual(['rolled back', 'committed', 'rolled back', 'committed'])
    expect(events.slice(4).sort()).toEqual(['FOREIGN KEY constraint failed', 'answered', 'answered'])
    expect(db.prepare('SELECT count(*) AS count FROM children').get()).toMatchObject({ count: 2 })
  })

  test('tells of the commit before anybody is answered', async () => {
    const { writer, ends } = scene()
    const seen: string[][] = []
    await Promise.all(
      [1, 2].map(() =>
        writer.run({ bytes: 1, work: () => ends.push('worked') }).then(() => seen.push([...ends])),
      ),
    )
    expect(seen).toEqual([
      ['worked', 'worked', 'committed'],
      ['worked', 'worked', 'committed'],
    ])
  })
})
