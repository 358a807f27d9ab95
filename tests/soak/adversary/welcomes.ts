// Groups that a modified program makes up of other people's key packages, and says that they are a known conversation.

import { ConversationKind } from '../../../gen/parley/content/v1/chain_pb.js'
import { fixedState } from '../../../services/protocol/conversation/chain/state.js'
import type { DeviceList } from '../../../services/protocol/identity/device-list.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { extended } from '../../support/chain-by-force.js'
import { random } from '../../support/contract-device.js'
import { type Claim, ledgerOf, ownRoom, pairOf } from '../../support/forged-groups.js'
import { type Act, inRoom, type Scene } from './act.js'
import { claimed, found, listsOf, madeUp } from './forge.js'
import type { Group } from './groups.js'

const GARBAGE_BYTES = 400

const listsIn = ({ held }: Group): DeviceList[] =>
  held.ledger.accounts.map(({ devices }) => devices.lists[0].list)

/** A group of its own says that it is the room's, or has its name, under any id and in any epoch. */
function claimsOf({ by, chance }: Scene, group: Group, at: Pick<Claim, 'groupId' | 'epoch'>): Claim {
  const { held } = group
  const accountKey = by.own.account.publicKey
  const incarnation = held.incarnation + chance.whole(3)
  const kind = chance.weighted({ own: 1, same: 2, powers: 2 })
  if (kind === 'own') return ownRoom(at, by.own, { with: listsIn(group), name: held.state.settings!.name })
  const same = { ...held, ...at, incarnation }
  if (kind === 'same') return same
  return extended(same, by.own, { changes: [{ kind: 'make-admin', accountKey }], ...at, epoch: 0n })
}

const twoOf = ({ chance, honest }: Scene) => chance.shuffled(honest).slice(0, 1 + chance.whole(2))

/** Its own group of somebody else's devices takes the place of the room: a welcome in the place of the commit. */
const welcomeInPlace: Act = {
  name: 'welcome-in-place',
  isSeen: true,
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const { by } = scene
      const at = { groupId: group.conversationId, epoch: group.held.epoch + 1n }
      const devices = await claimed(scene, twoOf(scene))
      const { welcome, deviceIds } = await madeUp(scene, claimsOf(scene, group, at), { devices })
      const ids = deviceIds.filter(id => members.some(each => Buffer.compare(each.signatureKey, id) === 0))
      await by.line.send(
        by.commitOf(group, {
          commit: random(GARBAGE_BYTES),
          welcomes: ids.length > 0 ? [{ deviceIds: ids, welcome }] : [],
          rosterChange: { addedDeviceIds: ids, removedDeviceIds: ids },
        }),
      )
    }),
}

/** The same in a conversation of its own: the server sees nothing of it. */
const welcomeElsewhere: Act = {
  name: 'welcome-elsewhere',
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const claim = claimsOf(scene, group, { groupId: random(16), epoch: 1n })
      const made = await madeUp(scene, claim, { devices: await claimed(scene, twoOf(scene)) })
      await found(scene, claim, made)
    }),
}

const newGroup = (
  name: string,
  claim: (scene: Scene, at: { groupId: Uint8Array; epoch: bigint }, lists: DeviceList[]) => Claim,
): Act => ({
  name,
  async run(scene) {
    const handles = twoOf(scene)
    const made = claim(scene, { groupId: random(16), epoch: 1n }, await listsOf(scene, handles))
    await found(scene, made, await madeUp(scene, made, { devices: await claimed(scene, handles) }))
  },
})

export const WELCOMES: readonly Act[] = [
  welcomeInPlace,
  welcomeElsewhere,
  newGroup('made-up-room', ({ by }, at, lists) => ownRoom(at, by.own, { with: lists, name: 'made-up' })),
  // A conversation of its own with one of them: the other one's leaf is wrong in it, if there is one.
  newGroup('made-up-direct', ({ by, chance }, at, lists) =>
    pairOf({ ...at, incarnation: 1 + chance.whole(5) }, [by.own.list, ...lists]),
  ),
  // A conversation of two others, or of somebody's own devices.
  newGroup('made-up-direct-of-others', ({ by }, at, [one, other]) =>
    other
      ? pairOf({ ...at, incarnation: 9 }, [by.own.list, one!, other], [one!, other])
      : ownDevicesOf(at, one!, by.own.list),
  ),
]

function ownDevicesOf(at: Pick<Claim, 'groupId' | 'epoch'>, list: DeviceList, own: DeviceList): Claim {
  const state = fixedState(nodeCrypto, ConversationKind.OWN_DEVICES, [list.accountKey])
  return { ...at, incarnation: 9, state, entries: [], ledger: ledgerOf(own, list) }
}
