// The meaning of a commit to the people in the group, as lines of the history.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { withNames } from '../../../../services/endpoint/codes/with-names.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { linesOf } from '../../../../services/endpoint/groups/commit-lines.js'
import type { Membership } from '../../../../services/endpoint/groups/policy.js'
import { type AccountKey, sameKey } from '../../../../services/protocol/keys.js'
import { adminOf, secondDevice } from '../../../support/group.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const dave = makeAccount('dave')

const candidate = ({ certificate, device }: OwnAccount) => ({
  ...{ identity: certificate, signatureKey: device.publicKey },
})

interface Step {
  before: OwnAccount[]
  after: OwnAccount[]
  by?: OwnAccount
  /** Those who asked to be removed. */
  leaving?: OwnAccount[]
  kind?: GroupKind
  settings?: [MessageInitShape<typeof GroupSettingsSchema>, MessageInitShape<typeof GroupSettingsSchema>]
}

/** The lines that alice is told of a commit. */
function told({ before, after, by = bob, leaving = [], kind = GroupKind.ROOM, settings = [{}, {}] }: Step) {
  const standing = (
    members: OwnAccount[],
    init: MessageInitShape<typeof GroupSettingsSchema>,
  ): Membership => ({
    settings: create(GroupSettingsSchema, { kind, ...init }),
    members: members.map(candidate),
    leaving: leaving.map(({ device }) => device.publicKey),
    ...{ conversationId: new Uint8Array(16), epoch: 1n },
  })
  const lines = linesOf({ account: alice }, standing(before, settings[0]), standing(after, settings[1]), {
    committer: candidate(by),
    added: after.filter(each => !before.includes(each)).map(candidate),
    removed: before.filter(each => !after.includes(each)).map(candidate),
  })
  const everybody = [...before, ...after, carol]
  const nameOf = (key: AccountKey) =>
    everybody.find(({ account }) => sameKey(account.publicKey, key))?.handle ?? 'nobody'
  return lines.map(line => withNames(line, nameOf))
}

describe('people', () => {
  test('who are added are named together, each once', () => {
    expect(told({ before: [alice, bob], after: [alice, bob, carol, dave, secondDevice(dave)] })).toEqual([
      { code: 'members-added', by: 'bob', who: ['carol', 'dave'] },
    ])
  })

  test('who are removed are named, and those who left apart', () => {
    const step = { before: [alice, bob, carol, dave], after: [alice, bob] }
    expect(told(step)).toEqual([{ code: 'members-removed', by: 'bob', who: ['carol', 'dave'] }])
    expect(told({ ...step, leaving: [dave] })).toEqual([
      { code: 'members-left', who: ['dave'] },
      { code: 'members-removed', by: 'bob', who: ['carol'] },
    ])
  })

  test('who come in a conversation of two are not told of', () => {
    expect(told({ before: [alice], after: [alice, bob], kind: GroupKind.DIRECT })).toEqual([])
  })
})

describe('devices', () => {
  test('of a member are told of, and are no new member', () => {
    expect(told({ before: [alice, bob], after: [alice, bob, tablet] })).toEqual([
      { code: 'device-added', who: 'bob' },
    ])
  })

  test('of this account are told of among its own alone', () => {
    const step = { before: [alice, bob], after: [alice, bob, phone] }
    expect(told(step)).toEqual([])
    expect(told({ ...step, kind: GroupKind.OWN_DEVICES })).toEqual([{ code: 'own-device-added' }])
  })

  test('that go leave their account where it is', () => {
    expect(told({ before: [alice, bob, tablet], after: [alice, bob] })).toEqual([])
    expect(told({ before: [alice, bob, tablet], after: [alice], by: alice, leaving: [tablet] })).toEqual([
      { code: 'members-left', who: ['bob'] },
    ])
  })

  test('that an account takes out of its own group have left', () => {
    expect(told({ before: [alice, bob], after: [alice], by: bob })).toEqual([
      { code: 'members-left', who: ['bob'] },
    ])
  })
})

describe('settings', () => {
  const change = (before: Step['settings'] extends undefined ? never : object, after: object) =>
    told({ before: [alice, bob], after: [alice, bob], settings: [before, after] })

  test('are told of where they change: name, topic, days, admins', () => {
    const before = { name: 'tea', topic: '', history: { days: 0 }, admins: [adminOf(alice), adminOf(bob)] }
    const after = {
      name: 'coffee',
      topic: 'hot',
      history: { days: 7 },
      admins: [adminOf(bob), adminOf(carol)],
    }
    expect(change(before, after)).toEqual([
      { code: 'room-named', by: 'bob', name: 'coffee' },
      { code: 'topic-set', by: 'bob', topic: 'hot' },
      { code: 'newcomers-decided', by: 'bob', days: 7 },
      { code: 'admin-made', by: 'bob', who: ['carol'] },
      { code: 'admin-unmade', by: 'bob', who: ['alice'] },
    ])
  })

  test('that stay are not', () => {
    const same = { name: 'tea', topic: 'hot', admins: [adminOf(bob)] }
    expect(change(same, same)).toEqual([])
    // None at all, and none of zero days, are alike.
    expect(change(same, { ...same, history: { days: 0 } })).toEqual([])
  })
})
