// Groups that a modified program makes up of other people's key packages, and says that they are a known conversation.

import { create, toBinary } from '@bufbuild/protobuf'
import { GroupKind, GroupSettingsSchema } from '../../../gen/parley/content/v1/room_pb.js'
import { random } from '../../support/contract-device.js'
import { signedCommit } from '../../support/contract-head.js'
import { type Act, inRoom, type Scene } from './act.js'
import type { Group } from './groups.js'

const GARBAGE_BYTES = 400

/** Its own group of somebody else's devices takes the place of the room: a welcome in the place of the commit. */
const welcomeInPlace: Act = {
  name: 'welcome-in-place',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group, members }) => {
      const { by } = scene
      const made = await madeUpGroup(scene, group.conversationId, settingsOf(scene, group))
      if (!made) return
      const { welcome, deviceIds } = made
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
      const made = await madeUpGroup(scene, group.conversationId, settingsOf(scene, group))
      if (made) await found(scene, random(16), made)
    }),
}

/** A group of its own with claimed devices, which has no settings, or those of a room. */
const madeUpConversation: Act = {
  name: 'made-up-conversation',
  async run(scene) {
    const id = random(16)
    const room = create(GroupSettingsSchema, { kind: GroupKind.ROOM, name: 'made-up' })
    const settings = toBinary(GroupSettingsSchema, room)
    const made = await madeUpGroup(scene, id, scene.chance.pick([settings, undefined]))
    if (made) await found(scene, id, made)
  },
}

/** Its own group says that it goes on in place of the room. */
const succeeds: Act = {
  name: 'succeed',
  breaksRooms: true,
  run: scene =>
    inRoom(scene, async ({ group }) => {
      const id = random(16)
      const made = await madeUpGroup(scene, id, settingsOf(scene, group))
      const succeedsEpoch = scene.by.engine.epoch(group.states[0]!)
      if (made) await found(scene, id, made, { succeeds: group.conversationId, succeedsEpoch })
    }),
}

const settingsOf = ({ by: { engine } }: Scene, { states }: Group) => engine.settings(states[0]!)

interface MadeUp {
  commit: Uint8Array
  welcome: Uint8Array
  deviceIds: Uint8Array[]
}

/** A group under this id with two honest people's devices; undefined where they have none to claim. */
async function madeUpGroup({ by, chance, honest }: Scene, groupId: Uint8Array, settings?: Uint8Array) {
  const claimHandles = chance.shuffled(honest).slice(0, 1 + chance.whole(2))
  const { claims = [] } = (await by.exchange({ claimHandles })) ?? {}
  const devices = claims.flatMap(({ outcome }) => (outcome.case === 'devices' ? outcome.value.devices : []))
  if (devices.length === 0) return undefined
  const state = await by.engine.create({
    groupId,
    keyPackage: await by.keyPackage(),
    ...(settings && { settings }),
  })
  const { commit, welcome } = await by.engine.commit(state, {
    add: devices.map(({ keyPackage }) => keyPackage),
  })
  const made: MadeUp = { commit, welcome: welcome!, deviceIds: devices.map(({ deviceKey }) => deviceKey) }
  return made
}

async function found(
  { by }: Scene,
  conversationId: Uint8Array,
  { commit, welcome, deviceIds }: MadeUp,
  head = {},
): Promise<void> {
  const value = {
    ...{ epoch: 0n, commit, creates: true },
    welcomes: [{ deviceIds, welcome }],
    rosterChange: { addedDeviceIds: deviceIds },
  }
  await by.line.send(signedCommit(by.device, { conversationId, envelope: { case: 'commit', value } }, head))
}

export const WELCOMES: readonly Act[] = [welcomeInPlace, welcomeElsewhere, madeUpConversation, succeeds]
