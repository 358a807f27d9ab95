import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { earliest } from '../../../../../../services/server/store/sqlite/log/unread.js'

test('the conversation that comes first is found, and where the next one begins', () => {
  const unread = fc.uniqueArray(fc.nat(100), { maxLength: 8 })
  fc.assert(
    fc.property(unread, places => {
      const found = earliest(new Map(places.map((from, conversation) => [conversation, from])))
      const [first, second] = [...places].sort((one, other) => one - other)
      expect(found).toEqual(
        first === undefined
          ? undefined
          : {
              conversation: places.indexOf(first),
              from: first,
              othersFrom: second ?? Number.POSITIVE_INFINITY,
            },
      )
    }),
  )
})
