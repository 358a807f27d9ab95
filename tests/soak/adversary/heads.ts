// Bundles whose head is not theirs or somebody else's: the server takes none of them, so no member sees one.

import { create } from '@bufbuild/protobuf'
import { CommitBundleSchema } from '../../../gen/parley/v1/chat_pb.js'
import { random } from '../../support/contract-device.js'
import { signedCommit } from '../../support/contract-head.js'
import type { Outgoing } from '../../support/contract-stream.js'
import { type Act, expectRefused, inRoom, type Scene, type Target } from './act.js'

const headed = (name: string, make: (scene: Scene, target: Target) => Outgoing | undefined): Act => ({
  name,
  run: scene =>
    inRoom(scene, async target => {
      const outgoing = make(scene, target)
      if (outgoing) expectRefused(`a commit with ${name}`, await scene.by.line.send(outgoing))
    }),
})

const bare = ({ by }: Scene, { group }: Target, epoch = by.engine.epoch(group.states[0]!)): Outgoing => ({
  conversationId: group.conversationId,
  envelope: { case: 'commit', value: { epoch, commit: random(64) } },
})

function altered(outgoing: Outgoing, change: { head?: Uint8Array; headSignature?: Uint8Array }): Outgoing {
  if (outgoing.envelope?.case !== 'commit') return outgoing
  const value = Object.assign(create(CommitBundleSchema, outgoing.envelope.value), change)
  return { conversationId: outgoing.conversationId ?? new Uint8Array(), envelope: { case: 'commit', value } }
}

export const HEADS: readonly Act[] = [
  headed('no-head', bare),
  headed('garbage-head', (scene, target) =>
    altered(bare(scene, target), { head: random(200), headSignature: random(64) }),
  ),
  headed('foreign-head', (scene, target) => {
    const other = scene.chance.pick(scene.others)
    return other && signedCommit(other.device, bare(scene, target))
  }),
  headed('head-in-anothers-name', (scene, target) => {
    const one = scene.chance.pick(target.members)
    return one && signedCommit(scene.by.device, bare(scene, target), { deviceId: one.signatureKey })
  }),
  headed('head-of-another-commit', (scene, target) =>
    signedCommit(scene.by.device, bare(scene, target), { commitHash: random(32) }),
  ),
  headed('head-of-another-room', (scene, target) =>
    signedCommit(scene.by.device, bare(scene, target), { conversationId: random(16) }),
  ),
  headed('head-of-another-roster', (scene, target) =>
    signedCommit(scene.by.device, bare(scene, target), { rosterChangeHash: random(32) }),
  ),
  headed('forged-head', (scene, target) =>
    altered(signedCommit(scene.by.device, bare(scene, target)), { headSignature: random(64) }),
  ),
]
