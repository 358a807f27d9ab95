// Requests to rejoin and words of leaving, of one's own over and over and of others.

import type { RejoinRequest } from '../../../gen/parley/v1/chat_pb.js'
import { makeRejoin } from '../../../services/protocol/conversation/rejoin-request.js'
import { deviceKeys } from '../../../services/protocol/keys.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { random } from '../../support/contract-device.js'
import type { Outgoing } from '../../support/contract-stream.js'
import { type Act, expectRefused, inRoom, repeated, type Scene, type Target } from './act.js'

const FLOOD = 12

function rejoinOf({ by }: Scene, { group: { conversationId, states } }: Target): RejoinRequest {
  const { privateKey, publicKey } = by.device.key
  const raw = new Uint8Array(Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'))
  const device = deviceKeys({ publicKey, privateKey: raw })
  return makeRejoin(nodeCrypto, { conversationId, lastEpoch: by.engine.epoch(states[0]!), device })
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

const asksForOthers: Act = {
  name: 'rejoin-of-another',
  run: scene =>
    inRoom(scene, async target => {
      const one = scene.chance.pick(target.members)
      if (!one) return
      const value = { ...rejoinOf(scene, target), deviceId: one.signatureKey }
      const { conversationId } = target.group
      const outcomes = await scene.by.line.send({ conversationId, envelope: { case: 'rejoin', value } })
      expectRefused('a rejoin request of another device', outcomes)
    }),
}

const leavesForOthers: Act = {
  name: 'leave-of-another',
  run: scene =>
    inRoom(scene, async ({ group: { conversationId, joinedEpoch }, members }) => {
      const one = scene.chance.pick(members)
      if (!one) return
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

export const REQUESTS: readonly Act[] = [asksOnce, floods, replays, asksForOthers, leavesForOthers]
