import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { Hints } from '../../../../services/server/chat/hints.js'
import { WAITING_ACCOUNT_CHANGES, WAITING_EPHEMERAL } from '../../../../services/server/limits.js'

const numbered = (number: number) => create(EnvelopeSchema, { sequence: BigInt(number) })

test('ephemeral envelopes come in one frame, in their order, without a place in the log', () => {
  const hints = new Hints()
  for (const number of [1, 2, 3]) hints.addEphemeral(numbered(number))
  const { frame } = hints.next()!
  expect(frame).toMatchObject({ case: 'deliver', value: { cursor: new Uint8Array() } })
  expect(frame.case === 'deliver' && frame.value.envelopes.map(({ sequence }) => sequence)).toEqual([
    1n,
    2n,
    3n,
  ])
  expect(hints.next()).toBeUndefined()
})

test('an account that changes again before it is told is told once', () => {
  const hints = new Hints()
  for (const handle of ['anna', 'bert', 'anna']) hints.addChangedAccount(handle)
  const told = [hints.next(), hints.next()].map(next => next?.frame.value)
  expect(told).toMatchObject([{ handle: 'anna' }, { handle: 'bert' }])
  expect(hints.next()).toBeUndefined()
  hints.addChangedAccount('anna')
  expect(hints.next()?.frame.value).toMatchObject({ handle: 'anna' })
})

test('of how many key packages of a suite are left only the last word is told, and before all else', () => {
  const hints = new Hints()
  hints.addChangedAccount('anna')
  for (const left of [9, 8, 0]) for (const suite of [83, 1]) hints.setKeyPackagesLeft({ suite, left })
  for (const suite of [83, 1])
    expect(hints.next()?.frame).toMatchObject({ case: 'keyPackagesLeft', value: { suite, left: 0 } })
  expect(hints.next()?.frame.case).toBe('accountChanged')
  expect(hints.next()).toBeUndefined()
})

test('a slow reader loses what is over the limit', () => {
  const hints = new Hints()
  for (let count = 0; count < WAITING_EPHEMERAL + 5; count++) hints.addEphemeral(numbered(count))
  for (let count = 0; count < WAITING_ACCOUNT_CHANGES + 5; count++) hints.addChangedAccount(`user-${count}`)
  let changes = 0
  let next = hints.next()
  for (; next?.frame.case === 'accountChanged'; next = hints.next()) changes += 1
  expect(changes).toBe(WAITING_ACCOUNT_CHANGES)
  expect(next?.frame.case === 'deliver' && next.frame.value.envelopes.length).toBe(WAITING_EPHEMERAL)
  expect(hints.next()).toBeUndefined()
})
