import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { HalfOpenCalls } from '../../../../services/rpc/node/half-open.js'

const GRACE_MS = 1_000
const PATIENCE_MS = 20_000

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

function scene(limits: { perAddress: number; total: number }) {
  const calls = new HalfOpenCalls({
    ...limits,
    graceMs: GRACE_MS,
    patienceMs: PATIENCE_MS,
    now: () => Date.now(),
  })
  const gone: string[] = []
  /** Named after its address. */
  const add = (name: string) => calls.add(name[0]!, () => gone.push(name))
  return { calls, gone, add }
}

describe('calls that have said nothing yet', () => {
  test('may be as many as they like for a second; then the oldest of those from one address go', () => {
    const { calls, gone, add } = scene({ perAddress: 2, total: 10 })
    for (const name of ['a1', 'b1', 'a2', 'a3', 'a4']) add(name)
    jest.advanceTimersByTime(GRACE_MS - 1)
    expect(gone).toEqual([])
    jest.advanceTimersByTime(1)
    expect(gone).toEqual(['a1', 'a2'])
    expect(calls.size()).toBe(3)
  })

  test('make room for others when they are old', () => {
    const { gone, add } = scene({ perAddress: 2, total: 10 })
    for (const name of ['a1', 'a2', 'b1']) add(name)
    jest.advanceTimersByTime(GRACE_MS)
    expect(gone).toEqual([])
    add('a3')
    expect(gone).toEqual(['a1'])
  })

  test('in all: the oldest goes, whoever it is of', () => {
    const { gone, add } = scene({ perAddress: 2, total: 3 })
    for (const name of ['a1', 'b1', 'c1']) add(name)
    jest.advanceTimersByTime(GRACE_MS)
    add('d1')
    expect(gone).toEqual(['a1'])
  })

  test('end after a while, however few they are', () => {
    const { calls, gone, add } = scene({ perAddress: 2, total: 3 })
    add('a1')
    jest.advanceTimersByTime(PATIENCE_MS - 1)
    expect(gone).toEqual([])
    jest.advanceTimersByTime(1)
    expect({ gone, size: calls.size() }).toEqual({ gone: ['a1'], size: 0 })
  })

  test('one that has said something is not among them, however often it says so', () => {
    const { calls, gone, add } = scene({ perAddress: 1, total: 3 })
    const opened = add('a1')
    opened()
    opened()
    add('a2')
    jest.advanceTimersByTime(PATIENCE_MS - 1)
    expect({ gone, size: calls.size() }).toEqual({ gone: [], size: 1 })
  })
})
