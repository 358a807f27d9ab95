// Requests to rejoin and words of leaving, of one's own over and over and of others.

import { fromBinary } from '@bufbuild/protobuf'
import { type SignedRejoinStatement, SignedRejoinStatementSchema } from '../../../gen/parley/v1/rejoin_pb.js'
import { makeRejoinStatement } from '../../../services/protocol/conversation/rejoin-statement.js'
import { deviceKey } from '../../../services/protocol/keys.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { random } from '../../support/contract-device.js'
import type { Outgoing } from '../../support/contract-stream.js'
import { type Act, expectRefused, inRoom, pick, repeated, type Scene, type Target } from './act.js'

const FLOOD = 12

/** `change`: of what is right. */
function rejoinOf(
  { by }: Scene,
  { group: { held } }: Target,
  change: Partial<Parameters<typeof makeRejoinStatement>[1]> = {},
): SignedRejoinStatement {
  const { groupId, incarnation, state, epoch } = held
  const request = { groupId, incarnation, head: state.head, lastEpoch: epoch, ...change }
  return fromBinary(SignedRejoinStatementSchema, makeRejoinStatement(nodeCrypto, request, by.own))
}

const rejoin = (scene: Scene, target: Target): Outgoing => ({
  conversationId: target.group.conversationId,
  envelope: { case: 'rejoin', value: rejoinOf(scene, target) },
})

/** Each request is carried out by somebody: its device goes and comes with a new key package. */
async function ask(scene: Scene, requests: Outgoing[]): Promise<void> {
  await scene.by.publish()
  scene.by.said.push(...requests.slice(0, 1))
  await scene.by.line.send(...requests)
}

const asksOnce: Act = {
  name: 'rejoin',
  run: scene => inRoom(scene, target => ask(scene, [rejoin(scene, target)])),
}

const floods: Act = {
  name: 'rejoin-flood',
  run: scene =>
    inRoom(scene, target =>
      ask(
        scene,
        repeated(FLOOD, () => rejoin(scene, target)),
      ),
    ),
}

const replays: Act = {
  name: 'rejoin-replay',
  async run({ by, chance }) {
    const old = chance.pick(by.said)
    if (old) await by.line.send(...repeated(FLOOD, () => old))
  },
}

/** Statements that count for nothing, which the server cannot know. */
const asksWrongly: Act = {
  name: 'rejoin-that-does-not-count',
  run: scene =>
    inRoom(scene, async target => {
      const { epoch, incarnation } = target.group.held
      const change = pick(scene, [
        { incarnation: incarnation + 1 },
        { head: random(32) },
        { lastEpoch: epoch + 1_000n },
        { lastEpoch: 0n },
      ])
      const { conversationId } = target.group
      const value = rejoinOf(scene, target, change)
      await scene.by.line.send({ conversationId, envelope: { case: 'rejoin', value } })
    }),
}

const asksForOthers: Act = {
  name: 'rejoin-of-another',
  run: scene =>
    inRoom(scene, async target => {
      const one = pick(scene, target.members)
      const { own } = scene.by
      const { groupId, incarnation, state, epoch } = target.group.held
      const device = { ...own.device, publicKey: deviceKey(one.signatureKey) }
      const request = { groupId, incarnation, head: state.head, lastEpoch: epoch }
      const value = fromBinary(
        SignedRejoinStatementSchema,
        makeRejoinStatement(nodeCrypto, request, { device }),
      )
      const { conversationId } = target.group
      const outcomes = await scene.by.line.send({ conversationId, envelope: { case: 'rejoin', value } })
      expectRefused('a rejoin request of another device', outcomes)
    }),
}

const leavesForOthers: Act = {
  name: 'leave-of-another',
  run: scene =>
    inRoom(scene, async ({ group: { conversationId, joinedEpoch }, members }) => {
      const one = pick(scene, members)
      const value = {
        nonce: random(16),
        signature: random(64),
        deviceId: one.signatureKey,
        epoch: joinedEpoch,
      }
      const outcomes = await scene.by.line.send({ conversationId, envelope: { case: 'leave', value } })
      expectRefused('a leave of another device', outcomes)
    }),
}

export const REQUESTS: readonly Act[] = [
  asksOnce,
  floods,
  replays,
  asksWrongly,
  asksForOthers,
  leavesForOthers,
]
