// Entries of the chain that nobody may make there: without powers, of elsewhere, forked, said again; and words of leaving
// that nobody has said.

import { create } from '@bufbuild/protobuf'
import {
  SignedChainEntrySchema,
  type SignedLeaveStatement,
  SignedLeaveStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import type { Change } from '../../../services/protocol/conversation/chain/change.js'
import { makeEntry } from '../../../services/protocol/conversation/chain/entry.js'
import { makeLeave, readLeave } from '../../../services/protocol/conversation/chain/leave-statement.js'
import { parseVerifiedCertificate } from '../../../services/protocol/identity/certificate.js'
import type { AccountKey } from '../../../services/protocol/keys.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { changedBytes } from '../../fuzz/mutation.js'
import { random } from '../../support/contract-device.js'
import { type Act, inRoom, pick, type Scene, Skipped, type Target } from './act.js'
import { cutBack, type Force, force } from './forge.js'

const MINE = { name: 'mine', topic: 'taken over', historyDays: 30 }
const FAR_EPOCH = 2n ** 40n

const accountOf = ({ identity }: Target['members'][number]): AccountKey =>
  parseVerifiedCertificate(identity).accountKey

const entered = (name: string, make: (scene: Scene, target: Target) => Force): Act => ({
  name,
  isSeen: true,
  run: scene => inRoom(scene, async target => void (await force(scene, target.group, make(scene, target)))),
})

/** A change that would be no wrong, from an admin and in its place. */
const soundChange = ({ by, chance }: Scene, { group, members }: Target): Change =>
  pick({ chance }, [
    { kind: 'settings', settings: MINE },
    { kind: 'make-admin', accountKey: by.own.account.publicKey },
    ...members.map(one => ({ kind: 'make-admin', accountKey: accountOf(one) }) as const),
    { kind: 'settings', settings: { ...group.held.state.settings!, topic: 'of elsewhere' } },
  ])

/** The same of one who is no admin. */
const withoutPowers = (name: string, make: (scene: Scene, target: Target) => Force): Act =>
  entered(name, (scene, target) => {
    const { by } = scene
    const isOwn = ({ accountKey }: { accountKey: AccountKey }) =>
      Buffer.compare(accountKey, by.own.account.publicKey) === 0
    // An admin may do so.
    if (target.group.held.state.members.some(each => isOwn(each) && each.isAdmin)) throw new Skipped()
    return make(scene, target)
  })

const removing = (scene: Scene, { members }: Target): Force => {
  const one = pick(scene, members)
  const leaves = members.filter(({ handle }) => handle === one.handle).map(({ leaf }) => leaf)
  return { changes: [{ kind: 'remove', accountKey: accountOf(one) }], remove: leaves }
}

const WITHOUT_POWERS: readonly Act[] = [
  withoutPowers('entry-makes-admin', ({ by }) => ({
    changes: [{ kind: 'make-admin', accountKey: by.own.account.publicKey }],
  })),
  withoutPowers('entry-makes-admin-and-uses-it', (scene, target) => {
    const { changes = [], ...rest } = removing(scene, target)
    const accountKey = scene.by.own.account.publicKey
    return { ...rest, changes: [{ kind: 'make-admin', accountKey }, ...changes] }
  }),
  withoutPowers('entry-removes-somebody', removing),
  withoutPowers('entry-changes-settings', () => ({ changes: [{ kind: 'settings', settings: MINE }] })),
  withoutPowers('entry-adds-stranger', (scene, { group }) => {
    const members = scene.by.groups.members(group).map(({ handle }) => handle)
    const one = pick(
      scene,
      scene.others.filter(({ handle }) => !members.includes(handle)),
    )
    return { changes: [{ kind: 'add', accountKey: one.own.account.publicKey }], add: [one] }
  }),
  withoutPowers('entry-unmakes-admins', ({ by }, { group }) => ({
    changes: group.held.state.members
      .filter(({ isAdmin }) => isAdmin)
      .map(({ accountKey }) => ({ kind: 'unmake-admin', accountKey })),
    author: by.own,
  })),
]

/** Entries as they are of another place. */
const MISPLACED: readonly Act[] = [
  entered('entry-of-another', (scene, target) => ({
    changes: [soundChange(scene, target)],
    author: pick(scene, scene.others).own,
  })),
  entered('entry-of-another-group', (scene, target) => ({
    changes: [soundChange(scene, target)],
    place: { groupId: random(16) },
  })),
  entered('entry-of-another-epoch', (scene, target) => ({
    changes: [soundChange(scene, target)],
    place: { epoch: target.group.held.epoch + pick(scene, [-1n, 1n, FAR_EPOCH]) },
  })),
  entered('forked-entry', (scene, target) => {
    const { held } = target.group
    const before = cutBack(held, 1 + scene.chance.whole(held.entries.length))
    if (before.entries.length === held.entries.length) throw new Skipped()
    return { changes: [soundChange(scene, target)], place: { before } }
  }),
  entered('old-entry', (scene, { group }) => ({ entries: [pick(scene, group.held.entries).signed] })),
  entered('all-entries-again', (_, { group }) => ({
    entries: group.held.entries.map(({ signed }) => signed),
  })),
  entered('changed-entry', ({ chance }, { group }) => {
    const { entry, signature } = pick({ chance }, group.held.entries).signed
    return {
      entries: [create(SignedChainEntrySchema, { entry: changedBytes(chance, entry), signature })],
    }
  }),
  entered('entry-that-is-none', () => ({
    entries: [create(SignedChainEntrySchema, { entry: random(200), signature: random(64) })],
  })),
]

/** A word of an honest member that they did not say; or of this one, of another stay. */
function falseLeave({ by, chance }: Scene, { group, members }: Target): SignedLeaveStatement {
  const { own } = by
  const { state } = group.held
  const one = pick({ chance }, members)
  const added = 1 + chance.whole(state.number)
  const said = by.groups.heard.leaves.all()
  const kind = chance.weighted({ forged: 3, garbage: 1, elsewhere: 2, changed: said.length > 0 ? 2 : 0 })
  if (kind === 'garbage')
    return create(SignedLeaveStatementSchema, { statement: random(200), signature: random(64) })
  if (kind === 'elsewhere')
    return makeLeave(nodeCrypto, { ...own, conversationId: random(32), added: added + 1 })
  if (kind === 'forged')
    return makeLeave(nodeCrypto, {
      ...{ conversationId: state.id, added, device: own.device },
      certificate: one.identity,
    })
  const { statement, signature } = pick({ chance }, said)
  return create(SignedLeaveStatementSchema, { statement: changedBytes(chance, statement), signature })
}

/** As an entry has it, which perhaps nobody can read. */
const leaving = (signed: SignedLeaveStatement, accountKey: AccountKey): Change => ({
  kind: 'leave',
  leave: {
    ...{ accountKey, signed, added: 1 },
    ...{ deviceKey: new Uint8Array(32) as never, conversationId: new Uint8Array(32) },
  },
})

const LEAVES: readonly Act[] = [
  entered('entry-of-a-forged-leave', (scene, target) => {
    const one = pick(scene, target.members)
    const { state: before, groupId, epoch } = target.group.held
    const change = leaving(falseLeave(scene, target), accountOf(one))
    const entry = makeEntry(nodeCrypto, { before, groupId, epoch }, { ...scene.by.own, change })
    return { entries: [entry], remove: [one.leaf] }
  }),
  entered('entry-of-a-leave-said-before', (scene, { group, members }) => {
    const signed = pick(scene, scene.by.groups.heard.leaves.all())
    const leave = readLeave(nodeCrypto, signed)
    const leaves = members.filter(each => Buffer.compare(accountOf(each), leave.accountKey) === 0)
    // It is said again after they came back, or in another room: else anybody may carry it out.
    if (leaves.length === 0 && Buffer.compare(leave.conversationId, group.held.state.id) === 0)
      throw new Skipped()
    return { changes: [{ kind: 'leave', leave }], remove: leaves.map(({ leaf }) => leaf) }
  }),
  {
    name: 'word-of-leaving-that-is-forged',
    run: scene =>
      inRoom(scene, async target => {
        const value = { statement: falseLeave(scene, target) }
        await scene.by.line.send(await scene.by.seal(target.group, { body: { case: 'leave', value } }))
      }),
  },
  {
    name: 'word-of-leaving-of-another',
    run: scene =>
      inRoom(scene, async ({ group }) => {
        const value = { statement: pick(scene, scene.by.groups.heard.leaves.all()) }
        await scene.by.line.send(await scene.by.seal(group, { body: { case: 'leave', value } }))
      }),
  },
]

export const CHAINS: readonly Act[] = [...WITHOUT_POWERS, ...MISPLACED, ...LEAVES]
