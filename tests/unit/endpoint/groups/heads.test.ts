// The heads of commit bundles: what is signed by a member, and what only the server says.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type DeliveredWelcome,
  DeliveredWelcomeSchema,
  type Successor,
  SuccessorSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { takeCommit } from '../../../../services/endpoint/groups/commit.js'
import { demandMember, successorMaker, welcomeSigner } from '../../../../services/endpoint/groups/heads.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { TestGroup } from '../../../support/group.js'
import { signedAs } from '../../../support/signed-head.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const dave = makeAccount('dave')
const NEXT = new Uint8Array(16).fill(77)
const OTHER = new Uint8Array(16).fill(78)

let testing: TestContext
let room: TestGroup
beforeEach(async () => {
  testing = await openTestContext(alice)
  room = await TestGroup.of(testing, { others: [bob], room: {} })
})
const ownId = () => room.live.record.conversationId
const bundle = { epoch: 0n, commit: Uint8Array.of(1), welcomes: [{ welcome: Uint8Array.of(2) }] }

describe('a group is gone on in another one', () => {
  const successor = (by: OwnAccount, succeeds: Uint8Array | undefined, conversationId = NEXT): Successor => {
    const before = succeeds && { conversationId: succeeds, epoch: 1n }
    const { head, headSignature } = signedAs(by, conversationId, bundle, { succeeds: before })
    return create(SuccessorSchema, { conversationId, head, headSignature })
  }
  const isTaken = (given: Successor) => successorMaker(testing.context, room.live, given) !== undefined

  test('that a member has made in its place', () => {
    expect(isTaken(successor(bob, ownId()))).toBe(true)
    expect(isTaken(successor(alice, ownId()))).toBe(true)
  })

  test.each<[string, () => Successor]>([
    ['that somebody else has made', () => successor(dave, ownId())],
    ['that was made in the place of another one', () => successor(bob, OTHER)],
    ['that was made in the place of none', () => successor(bob, undefined)],
    [
      'that the server names in place of the one that was made',
      () => ({ ...successor(bob, ownId()), conversationId: OTHER }),
    ],
    ['that nobody has signed', () => ({ ...successor(bob, ownId()), headSignature: new Uint8Array(64) })],
    ['whose head cannot be read', () => ({ ...successor(bob, ownId()), head: Uint8Array.of(255) })],
  ])('and in none %s', (_, make) => {
    expect(isTaken(make())).toBe(false)
  })

  test('and in none of a member who is out by then', async () => {
    room = await TestGroup.of(testing, { by: bob, others: [bob, dave], room: {} })
    const daves = successor(dave, ownId())
    expect(isTaken(daves)).toBe(true)
    const change = { kind: 'remove', accountKey: dave.account.publicKey } as const
    const { envelope } = await room.committed(bob, { changes: [change] })
    if (envelope.case !== 'commit') throw new Error('no commit')
    await testing.written((tx, unit) => takeCommit(unit.context, tx, room.in(unit), envelope.value))
    expect(isTaken(daves)).toBe(false)
  })
})

describe('a welcome', () => {
  const delivered = (by: OwnAccount): DeliveredWelcome => {
    const { head, headSignature } = signedAs(by, NEXT, bundle)
    return create(DeliveredWelcomeSchema, { welcome: Uint8Array.of(2), epoch: 1n, head, headSignature })
  }
  const signerOf = (welcome: DeliveredWelcome, conversationId = NEXT) =>
    welcomeSigner({ conversationId }, welcome)
  const NOT_SIGNED = expect.objectContaining({ why: { code: 'not-signed' } })

  test('is by the device whose signature is on its head', () => {
    expect(signerOf(delivered(bob))).toEqual(bob.device.publicKey)
  })

  test('of another conversation, of other bytes, or without a signature is by none', () => {
    const good = delivered(bob)
    for (const lie of [
      { ...good, welcome: Uint8Array.of(3) },
      { ...good, headSignature: delivered(dave).headSignature },
      { ...good, epoch: 3n },
      { ...good, head: new Uint8Array() },
    ])
      expect(() => signerOf(lie)).toThrow(NOT_SIGNED)
    expect(() => signerOf(good, OTHER)).toThrow(NOT_SIGNED)
  })

  test('leads to no group in which its signer is nobody', () => {
    const demand = ({ device }: OwnAccount) =>
      demandMember(testing.context, room.live.state, device.publicKey)
    expect(() => demand(bob)).not.toThrow()
    expect(() => demand(dave)).toThrow(NOT_SIGNED)
  })
})
