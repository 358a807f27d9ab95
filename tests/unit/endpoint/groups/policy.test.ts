// The rights in a group: every member decides by this table, so it is the whole of a room's law.

import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { RejoinRequestSchema } from '../../../../gen/parley/v1/chat_pb.js'
import {
  makeAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../services/endpoint/contacts/account.js'
import {
  breachOf,
  decodeSettings,
  encodeSettings,
  type Membership,
  mayChange,
} from '../../../../services/endpoint/groups/policy.js'
import { rejoinBasis } from '../../../../services/endpoint/groups/rejoin-basis.js'
import type { Member } from '../../../../services/endpoint/mls/engine.js'
import { ROOM_NAME_LENGTH, ROOM_TOPIC_LENGTH } from '../../../../services/protocol/content/lengths.js'
import { makeRejoin } from '../../../../services/protocol/conversation/rejoin-request.js'
import { makeCertificate } from '../../../../services/protocol/identity/certificate.js'
import { deviceKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'

const ID = new Uint8Array(16).fill(5)
const SEED = new Uint8Array(32).fill(7)
const admin = makeAccount('admin')
const bob = restoreAccount({ handle: 'bob', seed: SEED })
const bobsPhone = restoreAccount({ handle: 'bob', seed: SEED })
const carol = makeAccount('carol')
const stranger = makeAccount('dave')
/** Goes by a member's handle, with a key of their own. */
const impostor = makeAccount('bob')

const member = ({ certificate, device }: OwnAccount, leaf = 0): Member => ({
  leaf,
  identity: certificate,
  signatureKey: device.publicKey,
})
const adminOf = ({ handle, account }: OwnAccount) => ({ handle, accountKey: account.publicKey })
const settingsWith = (change: object = {}) =>
  create(GroupSettingsSchema, {
    kind: GroupKind.ROOM,
    name: 'tea',
    admins: [adminOf(admin)],
    ...change,
  })

const groupOf = (kind: GroupKind, change: Partial<Membership> = {}): Membership => ({
  settings: kind === GroupKind.ROOM ? settingsWith() : create(GroupSettingsSchema, { kind }),
  members: [admin, bob, carol].map(member),
  leaving: [],
  conversationId: ID,
  epoch: 20n,
  ...change,
})
const { ROOM, DIRECT, OWN_DEVICES } = GroupKind

interface Act {
  by: OwnAccount
  add?: OwnAccount[]
  remove?: OwnAccount[]
  settings?: Uint8Array
  /** Encoded RejoinRequests that it carries. */
  requests?: Uint8Array[]
}
const may = (group: Membership, { by, add = [], remove = [], settings, requests = [] }: Act) =>
  mayChange(group, {
    committer: member(by),
    added: add.map(account => member(account)),
    removed: remove.map(account => member(account)),
    ...(settings ? { settings } : {}),
    authenticatedData: rejoinBasis(requests),
  })

describe('people are added', () => {
  test.each<[string, GroupKind, Act, boolean]>([
    ['by an admin of a room', ROOM, { by: admin, add: [stranger] }, true],
    ['not by another member', ROOM, { by: bob, add: [stranger] }, false],
    [
      'not by somebody with an admin’s handle and another key',
      ROOM,
      { by: makeAccount('admin'), add: [stranger] },
      false,
    ],
    ['not with a member’s handle and another key', ROOM, { by: bob, add: [impostor] }, false],
    ['not to a conversation of two', DIRECT, { by: admin, add: [stranger] }, false],
    ['not to the group of own devices', OWN_DEVICES, { by: admin, add: [stranger] }, false],
    ['not among others who may be', ROOM, { by: bob, add: [bobsPhone, stranger] }, false],
  ])('%s', (_name, kind, act, expected) => {
    expect(may(groupOf(kind), act)).toBe(expected)
  })
})

test.each([
  ['a room', ROOM],
  ['a conversation of two', DIRECT],
  ['the group of own devices', OWN_DEVICES],
])('a further device of a member may be added to %s by anybody in it', (_name, kind) => {
  expect(may(groupOf(kind), { by: carol, add: [bobsPhone] })).toBe(true)
})

test('a further device of somebody who goes by the same commit is none', () => {
  const group = groupOf(ROOM, { leaving: [bob.device.publicKey] })
  expect(may(group, { by: carol, remove: [bob] })).toBe(true)
  expect(may(group, { by: carol, remove: [bob], add: [bobsPhone] })).toBe(false)
  expect(may(group, { by: carol, remove: [bob], add: [bob] })).toBe(false)
  expect(may(group, { by: admin, remove: [bob], add: [bobsPhone] })).toBe(true)
})

describe('who has asked for it', () => {
  const request = ({ device }: OwnAccount, lastEpoch = 20n, conversationId = ID) =>
    toBinary(RejoinRequestSchema, makeRejoin(crypto, { conversationId, lastEpoch, device }))
  const again = (requests: Uint8Array[], act: Partial<Act> = {}) =>
    may(groupOf(ROOM), { by: carol, remove: [bob], add: [bob], requests, ...act })

  test.each([ROOM, DIRECT, OWN_DEVICES])(
    'is removed and added again by anybody in a group of kind %j',
    kind => {
      const act = { by: carol, remove: [bob], add: [bob], requests: [request(bob)] }
      expect(may(groupOf(kind), act)).toBe(true)
      expect(may(groupOf(kind), { ...act, requests: [] })).toBe(false)
    },
  )

  test('is not just removed, nor added without being there', () => {
    expect(again([request(bob)], { add: [] })).toBe(false)
    expect(again([request(stranger)], { remove: [], add: [stranger] })).toBe(false)
    expect(again([request(bob)], { add: [bob, stranger] })).toBe(false)
    expect(again([request(bob)], { remove: [bob, admin] })).toBe(false)
  })

  test('is the same device of the same account', () => {
    const { handle, account } = makeAccount('eve')
    const certificate = makeCertificate(crypto, { handle, account, deviceKey: bob.device.publicKey })
    expect(again([request(bob)], { add: [{ ...bob, certificate }] })).toBe(false)
    expect(again([request(bob)], { add: [bobsPhone] })).toBe(false)
  })

  test.each([
    [20n, true],
    [5n, true],
    [4n, false],
    [21n, false],
  ])('in epoch %d may be taken in again in epoch 20: %p', (lastEpoch, expected) => {
    expect(again([request(bob, lastEpoch)])).toBe(expected)
  })

  test('has asked for this conversation, themselves', () => {
    expect(again([request(bob, 20n, new Uint8Array(16))])).toBe(false)
    expect(again([request(carol)])).toBe(false)
    expect(again([Uint8Array.of(1, 2, 3), request(bob)])).toBe(true)
    expect(again([Uint8Array.of(255)])).toBe(false)
  })
})

describe('devices are removed', () => {
  const leaving = { leaving: [carol.device.publicKey] }
  test.each<[string, GroupKind, Act, boolean, Partial<Membership>]>([
    ['by an admin of the room', ROOM, { by: admin, remove: [bob, carol] }, true, {}],
    ['not by another member', ROOM, { by: bob, remove: [carol] }, false, {}],
    [
      'not by a member who is an admin of a room, in a conversation of two',
      DIRECT,
      { by: admin, remove: [bob] },
      false,
      {},
    ],
    ['by a device of their own account', ROOM, { by: bobsPhone, remove: [bob] }, true, {}],
    ['not by somebody with their handle and another key', ROOM, { by: impostor, remove: [bob] }, false, {}],
    [
      'by the same account, whatever it is called by now',
      ROOM,
      { by: restoreAccount({ handle: 'bobby', seed: SEED }), remove: [bob] },
      true,
      {},
    ],
    ['by anybody once they leave', ROOM, { by: bob, remove: [carol] }, true, leaving],
    ['only those who leave', ROOM, { by: bob, remove: [carol, admin] }, false, leaving],
  ])('%s', (_name, kind, act, expected, change) => {
    expect(may(groupOf(kind, change), act)).toBe(expected)
  })
})

describe('settings are changed', () => {
  const bytes = (change: object) => toBinary(GroupSettingsSchema, settingsWith(change))
  test.each<[string, GroupKind, Act, boolean]>([
    ['by an admin', ROOM, { by: admin, settings: bytes({ name: 'coffee' }) }, true],
    ['not by another member', ROOM, { by: bob, settings: bytes({ name: 'coffee' }) }, false],
    ['to name a member as an admin', ROOM, { by: admin, settings: bytes({ admins: [adminOf(bob)] }) }, true],
    ['not to name an outsider', ROOM, { by: admin, settings: bytes({ admins: [adminOf(stranger)] }) }, false],
    [
      'not to name a member’s handle with another key',
      ROOM,
      { by: admin, settings: bytes({ admins: [adminOf(impostor)] }) },
      false,
    ],
    [
      'not to name an outsider among members',
      ROOM,
      { by: admin, settings: bytes({ admins: [adminOf(bob), adminOf(stranger)] }) },
      false,
    ],
    ['not to have no admin', ROOM, { by: admin, settings: bytes({ admins: [] }) }, false],
    ['not to another kind', ROOM, { by: admin, settings: bytes({ kind: DIRECT }) }, false],
    ['not to what is no settings', ROOM, { by: admin, settings: Uint8Array.of(255, 255) }, false],
    ['not in a conversation of two', DIRECT, { by: admin, settings: bytes({ kind: DIRECT }) }, false],
  ])('%s', (_name, kind, act, expected) => {
    expect(may(groupOf(kind), act)).toBe(expected)
  })

  // The maker of a group writes what they like into its first settings.
  test('by nobody in a conversation of two that names an admin, who may do there what all may', () => {
    const founded = groupOf(DIRECT, { settings: settingsWith({ kind: DIRECT }) })
    for (const kind of [DIRECT, ROOM, OWN_DEVICES])
      expect(may(founded, { by: admin, settings: bytes({ kind }) })).toBe(false)
    expect(may(founded, { by: admin, add: [stranger] })).toBe(false)
    expect(may(founded, { by: admin, remove: [bob] })).toBe(false)
  })

  test.each([DIRECT, OWN_DEVICES])('or stand as they are in a group of kind %j, without a name', kind => {
    expect(
      decodeSettings(toBinary(GroupSettingsSchema, create(GroupSettingsSchema, { kind }))),
    ).toMatchObject({
      kind,
    })
  })

  test.each([
    ['a name of the greatest length', { name: 'n'.repeat(ROOM_NAME_LENGTH) }, true],
    ['a longer name', { name: 'n'.repeat(ROOM_NAME_LENGTH + 1) }, false],
    ['no name', { name: '' }, false],
    ['a topic of the greatest length', { topic: 't'.repeat(ROOM_TOPIC_LENGTH) }, true],
    ['a longer topic', { topic: 't'.repeat(ROOM_TOPIC_LENGTH + 1) }, false],
    ['no kind', { kind: GroupKind.UNSPECIFIED }, false],
  ])('with %s', (_name, change, expected) => {
    expect(decodeSettings(bytes(change)) !== undefined).toBe(expected)
  })
})

test('a certificate that is none lets nobody do anything', () => {
  const nobody = { leaf: 0, identity: Uint8Array.of(1, 2, 3), signatureKey: deviceKey(new Uint8Array(32)) }
  const authenticatedData = new Uint8Array()
  const change = { committer: member(admin), added: [], removed: [], authenticatedData }
  expect(mayChange(groupOf(ROOM), { ...change, committer: nobody })).toBe(false)
  expect(mayChange(groupOf(ROOM), { ...change, added: [nobody] })).toBe(false)
  expect(breachOf(groupOf(ROOM), { ...change, committer: nobody })).toBe('powers')
})

test('settings come back as they were encoded', () => {
  const text = (maxLength: number) => fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength })
  fc.assert(
    fc.property(text(ROOM_NAME_LENGTH), text(ROOM_TOPIC_LENGTH), fc.nat(3650), (name, topic, days) => {
      const settings = settingsWith({ name, topic, history: { days } })
      expect(decodeSettings(encodeSettings(settings))).toEqual(settings)
    }),
  )
})

test('any bytes are settings or none, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const settings = decodeSettings(bytes)
      if (settings?.kind === GroupKind.ROOM) expect(settings.admins.length).toBeGreaterThan(0)
    }),
  )
})
