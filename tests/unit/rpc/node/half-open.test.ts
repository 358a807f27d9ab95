import { describe, expect, test } from '@jest/globals'
import { HalfOpenCalls } from '../../../../services/rpc/node/half-open.js'

describe('calls that have said nothing yet', () => {
  test('from one address: the oldest of them goes', () => {
    const calls = new HalfOpenCalls({ perAddress: 2, total: 10 })
    const gone: string[] = []
    for (const name of ['a1', 'b1', 'a2', 'a3']) calls.add(name[0]!, () => gone.push(name))
    expect(gone).toEqual(['a1'])
    expect(calls.size()).toBe(3)
  })

  test('in all: the oldest goes, whoever it is of', () => {
    const calls = new HalfOpenCalls({ perAddress: 2, total: 3 })
    const gone: string[] = []
    for (const name of ['a1', 'b1', 'c1', 'd1']) calls.add(name[0]!, () => gone.push(name))
    expect(gone).toEqual(['a1'])
  })

  test('one that has said something is not among them, however often it says so', () => {
    const calls = new HalfOpenCalls({ perAddress: 1, total: 3 })
    const gone: string[] = []
    const opened = calls.add('a', () => gone.push('first'))
    opened()
    opened()
    calls.add('a', () => gone.push('second'))
    expect({ gone, size: calls.size() }).toEqual({ gone: [], size: 1 })
  })
})
