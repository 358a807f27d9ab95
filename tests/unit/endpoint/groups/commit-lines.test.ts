// The meaning of a commit to the people in the group, as lines of the history.

import { describe, expect, test } from '@jest/globals'
import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { withNames } from '../../../../services/endpoint/codes/with-names.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { linesOf, ownChange } from '../../../../services/endpoint/groups/commit-lines.js'
import { type Held, newLeafOf } from '../../../../services/endpoint/groups/state/held.js'
import type { Change, RoomSettings } from '../../../../services/protocol/conversation/chain/change.js'
import { makeEntry, readEntry } from '../../../../services/protocol/conversation/chain/entry.js'
import { makeLeave, readLeave } from '../../../../services/protocol/conversation/chain/leave-statement.js'
import { EMPTY_LEDGER } from '../../../../services/protocol/conversation/ledger.js'
import { type AccountKey, sameKey } from '../../../../services/protocol/keys.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { secondDevice } from '../../../support/group.js'
import { leafDataOf } from '../../../support/known-accounts.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const tablet = secondDevice(bob)
const carol = makeAccount('carol')
const dave = makeAccount('dave')
const EVERYBODY = [alice, bob, carol, dave]
const TEA: RoomSettings = { name: 'tea', topic: '', historyDays: 0 }
const keyOf = ({ account }: OwnAccount): AccountKey => account.publicKey
const idOf = ({ device }: OwnAccount) => device.publicKey
const leafOf = (own: OwnAccount) =>
  newLeafOf({ identity: own.certificate, signatureKey: idOf(own), leafData: leafDataOf(own) })

interface Standing {
  devices: OwnAccount[]
  /** Bob unless given. */
  admins?: OwnAccount[]
  settings?: RoomSettings | undefined
}

function heldBy(
  { devices, admins = [bob], settings }: Standing,
  kind: ConversationKind.ROOM | ConversationKind.DIRECT | ConversationKind.OWN_DEVICES,
): Held {
  const id = new Uint8Array(32)
  const members = EVERYBODY.filter(each => devices.some(device => sameKey(keyOf(device), keyOf(each)))).map(
    each => ({ accountKey: keyOf(each), added: 1, isAdmin: admins.includes(each) }),
  )
  return {
    ...{ groupId: new Uint8Array(16), epoch: 1n, incarnation: 1, ledger: EMPTY_LEDGER, entries: [] },
    state: { kind, id, number: 1, head: id, heads: [id], size: 1, members, settings, last: undefined },
    leaves: devices.map(leafOf),
  }
}

interface Step {
  before: OwnAccount[]
  after: OwnAccount[]
  /** Of the entries of the commit. */
  changes?: Change[]
  /** Devices that were taken out and are there again. */
  again?: OwnAccount[]
  by?: OwnAccount
  kind?: Parameters<typeof heldBy>[1]
  settings?: [was: RoomSettings, is: RoomSettings]
  admins?: [were: OwnAccount[], are: OwnAccount[]]
}

/** The lines that alice is told of a commit. */
function told({ before, after, changes = [], again = [], by = bob, ...step }: Step) {
  const { kind = ConversationKind.ROOM, settings, admins } = step
  const [was, is] = settings ?? (kind === ConversationKind.ROOM ? [TEA, TEA] : [])
  const [were, are] = admins ?? [[bob], [bob]]
  const place = { before: undefined, groupId: new Uint8Array(16), epoch: 1n }
  const lines = linesOf(
    { account: alice },
    heldBy({ devices: before, settings: was, admins: were }, kind),
    heldBy({ devices: after, settings: is, admins: are }, kind),
    {
      ...{ committer: idOf(by), by: keyOf(by) },
      added: [...after.filter(each => !before.includes(each)), ...again].map(idOf),
      removed: [...before.filter(each => !after.includes(each)), ...again].map(idOf),
      entries: changes.map(change => readEntry(nodeCrypto, makeEntry(nodeCrypto, place, { ...by, change }))),
    },
  )
  const nameOf = (key: AccountKey) => EVERYBODY.find(each => sameKey(keyOf(each), key))?.handle ?? 'nobody'
  return lines.map(line => withNames(line, nameOf))
}
const adding = (each: OwnAccount): Change => ({ kind: 'add', accountKey: keyOf(each) })
const removing = (each: OwnAccount): Change => ({ kind: 'remove', accountKey: keyOf(each) })
const leaving = (each: OwnAccount): Change => {
  const statement = { conversationId: new Uint8Array(32), added: 1, ...each }
  return { kind: 'leave', leave: readLeave(nodeCrypto, makeLeave(nodeCrypto, statement)) }
}

describe('people', () => {
  test('who are added are named together, each once, with a device or without', () => {
    const after = [alice, bob, carol, secondDevice(carol)]
    expect(told({ before: [alice, bob], after, changes: [adding(carol), adding(dave)] })).toEqual([
      { code: 'members-added', by: 'bob', who: ['carol', 'dave'] },
    ])
  })

  test('who are removed are named, and those who left apart, without the one who committed it', () => {
    const step = { before: [alice, bob, carol, dave], after: [alice, bob] }
    expect(told({ ...step, changes: [removing(carol), removing(dave)] })).toEqual([
      { code: 'members-removed', by: 'bob', who: ['carol', 'dave'] },
    ])
    expect(told({ ...step, changes: [removing(carol), leaving(dave)] })).toEqual([
      { code: 'members-left', who: ['dave'] },
      { code: 'members-removed', by: 'bob', who: ['carol'] },
    ])
  })

  test('who are in the chain and have no device there come and go all the same', () => {
    const step = { before: [alice, bob], after: [alice, bob] }
    expect(told({ ...step, changes: [removing(carol)] })).toMatchObject([{ who: ['carol'] }])
  })

  test('of a conversation of two are told of nowhere', () => {
    expect(told({ before: [alice], after: [alice, bob], kind: ConversationKind.DIRECT })).toEqual([])
  })
})

describe('devices', () => {
  test('of a member are told of, each member once, and are no new member', () => {
    const after = [alice, bob, tablet, secondDevice(bob)]
    expect(told({ before: [alice, bob], after })).toEqual([{ code: 'device-added', who: 'bob' }])
    expect(told({ before: [alice, bob], after, kind: ConversationKind.DIRECT })).toHaveLength(1)
  })

  test('of this account are told of among its own alone', () => {
    const step = { before: [alice], after: [alice, phone] }
    expect(told(step)).toEqual([])
    expect(told({ ...step, kind: ConversationKind.OWN_DEVICES })).toEqual([{ code: 'own-device-added' }])
  })

  test('that go, or are taken out and added again, leave their account where it is', () => {
    expect(told({ before: [alice, bob, tablet], after: [alice, bob] })).toEqual([])
    expect(told({ before: [alice, bob], after: [alice, bob], again: [bob] })).toEqual([])
  })
})

describe('settings', () => {
  const people = { before: [alice, bob, carol], after: [alice, bob, carol] }

  test('are told of where they change: name, topic, days, admins', () => {
    const after = { name: 'coffee', topic: 'hot', historyDays: 7 }
    expect(
      told({
        ...people,
        settings: [TEA, after],
        admins: [
          [alice, bob],
          [bob, carol],
        ],
      }),
    ).toEqual([
      { code: 'room-named', by: 'bob', name: 'coffee' },
      { code: 'topic-set', by: 'bob', topic: 'hot' },
      { code: 'newcomers-decided', by: 'bob', days: 7 },
      { code: 'admin-made', by: 'bob', who: ['carol'] },
      { code: 'admin-unmade', by: 'bob', who: ['alice'] },
    ])
  })

  test('that stay are not, nor is an admin who goes', () => {
    expect(told({ ...people, settings: [TEA, { ...TEA }] })).toEqual([])
    const step = { before: [alice, bob, carol], after: [alice, bob], changes: [removing(carol)] }
    expect(told({ ...step, admins: [[bob, carol], [bob]] })).toEqual([
      { code: 'members-removed', by: 'bob', who: ['carol'] },
    ])
  })

  test('tell who is an admin since the last one left', () => {
    const step = { before: [alice, bob, carol], after: [alice, carol], changes: [leaving(bob)] }
    expect(told({ ...step, by: carol, admins: [[bob], [alice]] })).toEqual([
      { code: 'members-left', who: ['bob'] },
      { code: 'admin-followed', who: ['alice'] },
    ])
  })
})

describe('the change of a commit of this device', () => {
  const changeOf = (before: OwnAccount[], after: OwnAccount[], again: OwnAccount[] = []) => {
    const held = heldBy({ devices: after }, ConversationKind.ROOM)
    const group = { held } as Parameters<typeof ownChange>[1]
    return ownChange({ account: alice }, group, { before: before.map(leafOf), again: again.map(idOf) })
  }

  test('is what the leaves say before and after it', () => {
    expect(changeOf([alice, bob], [alice, carol])).toEqual({
      ...{ committer: idOf(alice), by: keyOf(alice), added: [idOf(carol)], removed: [idOf(bob)] },
    })
  })

  test('names a device that it was to add again in both, and none that it could not', () => {
    const [bobs, tablets] = [idOf(bob), idOf(tablet)]
    expect(changeOf([alice, bob], [alice, bob, tablet], [bob, tablet])).toMatchObject({
      ...{ added: [bobs, tablets], removed: [bobs] },
    })
    expect(changeOf([alice], [alice], [bob])).toMatchObject({ added: [], removed: [] })
    expect(changeOf([alice, bob], [alice], [bob])).toMatchObject({ added: [], removed: [bobs] })
  })
})
