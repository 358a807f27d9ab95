import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { placeIn } from '../../../services/protocol/sorted.js'

test('the place in a sorted array is the number of those that stand before', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 })), fc.nat({ max: 20 }), (numbers, wanted) => {
      const sorted = numbers.toSorted((one, other) => one - other)
      const place = placeIn(sorted, item => item < wanted)
      expect(place).toBe(sorted.filter(item => item < wanted).length)
    }),
  )
})
