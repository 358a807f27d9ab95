import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { SignedRejoinStatementSchema } from '../../../../gen/parley/v1/rejoin_pb.js'
import type { HeldGroup } from '../../../../services/protocol/conversation/held-group.js'
import {
  makeRejoinStatement,
  readRejoinStatement,
  rejoinFault,
} from '../../../../services/protocol/conversation/rejoin-statement.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { GroupStory, keyChange } from '../../../support/chain-groups.js'
import { Person } from '../../../support/chain-people.js'

const [ada, bob, cyd] = [1, 2, 3].map(seed => new Person(crypto, seed)) as [Person, Person, Person]

/** A request of bob's as he sees the group. */
const ask = ({ groupId, incarnation, state, epoch }: HeldGroup, lastEpoch = epoch) =>
  makeRejoinStatement(
    crypto,
    { groupId, incarnation, head: state.head, lastEpoch },
    { device: bob.first.pair },
  )

const room = () => GroupStory.roomOf(crypto, [ada, bob, cyd])
const fault = (held: HeldGroup, request: Uint8Array) =>
  rejoinFault(crypto, held, readRejoinStatement(crypto, request)!)

describe('a request to rejoin', () => {
  test('is read as it was made; the head is blinded, each time otherwise', () => {
    const { held } = room()
    const [one, other] = [ask(held), ask(held)].map(bytes => readRejoinStatement(crypto, bytes)!)
    expect(one).toMatchObject({
      groupId: held.groupId,
      incarnation: 1,
      lastEpoch: 1n,
      deviceKey: bob.first.key,
    })
    expect(one?.blindedHead).toHaveLength(32)
    expect(one?.blindedHead).not.toEqual(other?.blindedHead)
    expect(Buffer.from(ask(held)).includes(Buffer.from(held.state.head))).toBe(false)
  })

  test('no bit of it can be changed, and hostile bytes are none', () => {
    const good = ask(room().held)
    const read = readRejoinStatement(crypto, good)
    for (let bit = 0; bit < good.length * 8; bit += 3) {
      const bytes = good.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      // A bit of the wrapping may write the same otherwise.
      expect([undefined, read]).toContainEqual(readRejoinStatement(crypto, bytes))
    }
    fc.assert(fc.property(fc.uint8Array(), bytes => readRejoinStatement(crypto, bytes) === undefined))
    const signed = fromBinary(SignedRejoinStatementSchema, good)
    const padded = toBinary(SignedRejoinStatementSchema, { ...signed, signature: new Uint8Array(1024) })
    expect(readRejoinStatement(crypto, padded)).toBe(undefined)
  })

  test('counts in its group, for a device with a leaf that stands on its chain', () => {
    const { held } = room()
    expect(fault(held, ask(held))).toBe(undefined)
    expect(fault(held, ask({ ...held, groupId: new Uint8Array(16) }))).toBe('other-group')
    expect(fault(held, ask({ ...held, incarnation: 2 }))).toBe('other-incarnation')
    expect(fault({ ...held, leaves: [ada.leaf()] }, ask(held))).toBe('no-leaf')
    expect(fault(held, ask({ ...held, state: { ...held.state, head: new Uint8Array(32) } }))).toBe(
      'other-chain',
    )
  })

  test('also from an earlier head of the chain', () => {
    const story = room()
    const request = ask(story.held)
    story.commit({ committer: ada.first.key, entries: story.entriesBy(ada, keyChange('make-admin', cyd)) })
    expect(fault(story.held, request)).toBe(undefined)
  })

  test('counts for 16 epochs from the one that it names, and not before', () => {
    const { held } = room()
    const request = ask(held, 20n)
    const at = (epoch: bigint) => fault({ ...held, epoch }, request)
    expect([19n, 20n, 35n, 36n].map(at)).toEqual(['too-early', undefined, undefined, 'too-late'])
  })

  test('is ended by any commit that removes the device, also for those who come later', () => {
    const story = room()
    const [first, second] = [ask(story.held), ask(story.held)]
    const committer = ada.first.key
    story.commit({ committer, basis: { rejoins: [first] }, removed: [bob.first.key], added: [bob.leaf()] })
    for (const request of [first, second]) expect(fault(story.held, request)).toBe('ended')
    expect(fault(story.held, ask(story.held))).toBe(undefined)
    // The ledger forgets it no sooner than the request is too late.
    for (let epoch = 0; epoch < 20; epoch++) {
      const cydAsks = makeRejoinStatement(
        crypto,
        { ...story.held, head: story.held.state.head, lastEpoch: story.held.epoch },
        { device: cyd.first.pair },
      )
      story.commit({
        committer,
        basis: { rejoins: [cydAsks] },
        removed: [cyd.first.key],
        added: [cyd.leaf()],
      })
      expect(fault(story.held, first)).toMatch(/^(ended|too-late)$/)
    }
    expect(story.held.ledger.removed).toHaveLength(16)
  })
})
