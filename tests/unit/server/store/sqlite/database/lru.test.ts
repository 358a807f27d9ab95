import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Lru } from '../../../../../../services/server/store/sqlite/database/lru.js'

test('what was used least recently is forgotten first, and only as much as has to be', () => {
  const steps = fc.array(
    fc.record({
      do: fc.constantFrom('get', 'set', 'delete'),
      key: fc.nat(9),
      weight: fc.integer({ min: 1, max: 6 }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (script, capacity) => {
      const forgotten: string[] = []
      const lru = new Lru<number, { name: string; weight: number }>({
        capacity,
        weigh: ({ weight }) => weight,
        forgotten: ({ name }) => void forgotten.push(name),
      })
      /** The least recently used first. */
      let model: { key: number; name: string; weight: number }[] = []
      const gone: string[] = []
      const drop = (key: number) => {
        for (const { name } of model.filter(entry => entry.key === key)) gone.push(name)
        model = model.filter(entry => entry.key !== key)
      }
      for (const [index, { do: what, key, weight }] of script.entries()) {
        const name = `${index}`
        const there = model.find(entry => entry.key === key)
        if (what === 'delete') {
          lru.delete(key)
          drop(key)
        } else if (what === 'get') {
          expect(lru.get(key)?.name).toBe(there?.name)
          if (there) model = [...model.filter(entry => entry !== there), there]
        } else {
          lru.set(key, { name, weight })
          drop(key)
          model.push({ key, name, weight })
          while (model.length > 1 && model.reduce((sum, entry) => sum + entry.weight, 0) > capacity)
            drop(model[0]!.key)
        }
        expect(forgotten).toEqual(gone)
      }
      lru.clear()
      expect([...forgotten].sort()).toEqual([...gone, ...model.map(({ name }) => name)].sort())
    }),
  )
})
