// The heads of commit bundles as any client would make them, from the contract alone: nothing of services/.

import { createHash } from 'node:crypto'
import { create, toBinary } from '@bufbuild/protobuf'
import { type BundleHead, BundleHeadSchema, CommitBundleSchema } from '../../gen/parley/v1/chat_pb.js'
import { signLabelled, type TestDevice } from './contract-device.js'
import type { Outgoing } from './contract-stream.js'

const HEAD_LABEL = 'parley.v1.BundleHead'

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function countOf(list: readonly unknown[]): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(list.length)
  return bytes
}

/** The commit with a head by this device, unless it has one. `change`: of what is right. */
export function signedCommit(
  device: TestDevice,
  outgoing: Outgoing,
  change: Partial<Omit<BundleHead, '$typeName'>> = {},
): Outgoing {
  if (outgoing.envelope?.case !== 'commit') throw new Error('it is no commit')
  const bundle = create(CommitBundleSchema, outgoing.envelope.value)
  if (bundle.head.length > 0) return outgoing
  const { epoch, commit, welcomes, rosterChange } = bundle
  const { addedDeviceIds: added = [], removedDeviceIds: removed = [] } = rosterChange ?? {}
  const message = create(BundleHeadSchema, {
    conversationId: outgoing.conversationId ?? new Uint8Array(),
    epoch,
    commitHash: sha256(commit),
    welcomeHashes: welcomes.map(({ welcome }) => sha256(welcome)),
    rosterChangeHash: sha256(Buffer.from('parley.v1.RosterChange\0'), countOf(added), ...added, ...removed),
    epochTag: new Uint8Array(32),
    deviceId: device.id,
    ...change,
  })
  const head = toBinary(BundleHeadSchema, message)
  const headSignature = signLabelled(HEAD_LABEL, head, device.key)
  return { ...outgoing, envelope: { case: 'commit', value: { ...bundle, head, headSignature } } }
}
