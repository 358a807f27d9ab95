// The head of a commit bundle: what it is, in few bytes, signed by the device that sends it. The server checks it before
// it stores a bundle, and each member before it opens what it is delivered of one.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type BundleHead,
  BundleHeadSchema,
  type CommitBundle,
  type DeliveredCommit,
  type DeliveredWelcome,
  type RosterChange,
} from '../../../gen/parley/v1/chat_pb.js'
import { concatBytes, equalBytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { type KeyPair, sign, verify } from '../signature.js'
import { CONVERSATION_ID_BYTES, DEVICE_ID_BYTES, FINGERPRINT_BYTES } from '../sizes.js'

const LABEL = 'parley.v1.BundleHead'
const EPOCH_TAG_PREFIX = utf8('parley.v1.EpochTag\0')
const ROSTER_CHANGE_PREFIX = utf8('parley.v1.RosterChange\0')

/** The head as it travels, and the signature over it. */
export type SignedHead = Pick<CommitBundle, 'head' | 'headSignature'>

/** Lists of device ids. */
type Roster = Partial<Pick<RosterChange, 'addedDeviceIds' | 'removedDeviceIds'>>

/** The parts of a bundle that its head binds together. */
export interface BundleParts {
  epoch: bigint
  commit: Uint8Array
  welcomes: readonly { welcome: Uint8Array }[]
  rosterChange?: Roster | undefined
}

/** The conversation that a bundle's new one goes on in place of, and its epoch. */
export interface Predecessor {
  conversationId: Uint8Array
  epoch: bigint
  /** The last one that was shown to go on in its place; empty: none was. Unless given, the server does not compare it. */
  after?: Uint8Array | undefined
}

interface HeadOptions {
  conversationId: Uint8Array
  bundle: BundleParts
  /** Of the epoch that the commit was made in. */
  epochTag: Uint8Array
  succeeds?: Predecessor
  device: KeyPair
}

/** The name of an epoch in heads: 32 bytes that tell nothing of its secrets. */
export const epochTagOf = (crypto: CryptoProvider, authenticator: Uint8Array): Uint8Array =>
  crypto.sha256(concatBytes(EPOCH_TAG_PREFIX, authenticator))

/** The head of a bundle of this device. Throws RangeError for a conversation's id that has not 16 bytes. */
export function makeBundleHead(crypto: CryptoProvider, options: HeadOptions): SignedHead {
  const { conversationId, bundle, epochTag, succeeds, device } = options
  if (conversationId.length !== CONVERSATION_ID_BYTES)
    throw new RangeError(`A conversation id has ${CONVERSATION_ID_BYTES} bytes`)
  const message = create(BundleHeadSchema, {
    conversationId,
    epoch: bundle.epoch,
    commitHash: crypto.sha256(bundle.commit),
    welcomeHashes: bundle.welcomes.map(({ welcome }) => crypto.sha256(welcome)),
    rosterChangeHash: rosterChangeHash(crypto, bundle.rosterChange),
    ...(succeeds ? { succeeds: succeeds.conversationId, succeedsEpoch: succeeds.epoch } : {}),
    ...(succeeds?.after ? { succeedsAfter: succeeds.after } : {}),
    epochTag,
    deviceId: device.publicKey,
  })
  const head = toBinary(BundleHeadSchema, message)
  const headSignature = sign(crypto, { label: LABEL, bytes: head, privateKey: device.privateKey })
  return { head, headSignature }
}

/** A head that the device which it names has signed, and every field of which has its length. Never throws. */
export function readBundleHead(
  crypto: CryptoProvider,
  { head: bytes, headSignature: signature }: SignedHead,
): BundleHead | undefined {
  const head = decodeBundleHead(bytes)
  if (!head || !isWellFormed(head)) return undefined
  return verify(crypto, { label: LABEL, bytes, signature, publicKey: head.deviceId }) ? head : undefined
}

/** The same, of a head that was read before. */
export function decodeBundleHead(bytes: Uint8Array): BundleHead | undefined {
  try {
    return fromBinary(BundleHeadSchema, bytes)
  } catch {
    return undefined
  }
}

/** Whether it is the head of this whole bundle. */
export function isHeadOfBundle(
  crypto: CryptoProvider,
  head: BundleHead,
  { conversationId, bundle }: { conversationId: Uint8Array; bundle: BundleParts },
): boolean {
  const { welcomes } = bundle
  return (
    isHeadOfCommit(crypto, head, { conversationId, commit: bundle }) &&
    head.welcomeHashes.length === welcomes.length &&
    welcomes.every(({ welcome }, index) => equalBytes(crypto.sha256(welcome), head.welcomeHashes[index]!))
  )
}

/** Whether it is the head of a commit as members are delivered it. */
export function isHeadOfCommit(
  crypto: CryptoProvider,
  head: BundleHead,
  given: {
    conversationId: Uint8Array
    commit: Pick<DeliveredCommit, 'epoch' | 'commit'> & { rosterChange?: Roster | undefined }
  },
): boolean {
  const { conversationId, commit } = given
  return (
    equalBytes(head.conversationId, conversationId) &&
    hasIdsOnly(commit.rosterChange) &&
    head.epoch === commit.epoch &&
    equalBytes(head.commitHash, crypto.sha256(commit.commit)) &&
    equalBytes(head.rosterChangeHash, rosterChangeHash(crypto, commit.rosterChange))
  )
}

/** Whether it is the head of a bundle with this welcome. */
export function isHeadOfWelcome(
  crypto: CryptoProvider,
  head: BundleHead,
  given: { conversationId: Uint8Array; welcome: Pick<DeliveredWelcome, 'epoch' | 'welcome'> },
): boolean {
  const { conversationId, welcome } = given
  const hash = crypto.sha256(welcome.welcome)
  return (
    equalBytes(head.conversationId, conversationId) &&
    head.epoch + 1n === welcome.epoch &&
    head.welcomeHashes.some(each => equalBytes(each, hash))
  )
}

/** With ids of another length, other lists could have the same hash. */
const hasIdsOnly = ({ addedDeviceIds = [], removedDeviceIds = [] }: Roster = {}): boolean =>
  [...addedDeviceIds, ...removedDeviceIds].every(({ length }) => length === DEVICE_ID_BYTES)

/** Hashes what the commit changes, and not how that was encoded: a server that knows newer fields encodes it anew. */
function rosterChangeHash(
  crypto: CryptoProvider,
  { addedDeviceIds = [], removedDeviceIds = [] }: Roster = {},
): Uint8Array {
  const count = new Uint8Array(4)
  new DataView(count.buffer).setUint32(0, addedDeviceIds.length)
  return crypto.sha256(concatBytes(ROSTER_CHANGE_PREFIX, count, ...addedDeviceIds, ...removedDeviceIds))
}

function isWellFormed(head: BundleHead): boolean {
  const { conversationId, commitHash, welcomeHashes, rosterChangeHash: change, deviceId } = head
  const follows = head.succeeds.length === CONVERSATION_ID_BYTES
  return (
    conversationId.length === CONVERSATION_ID_BYTES &&
    [commitHash, change, head.epochTag, ...welcomeHashes].every(
      ({ length }) => length === FINGERPRINT_BYTES,
    ) &&
    (follows || (head.succeeds.length === 0 && head.succeedsEpoch === 0n)) &&
    (head.succeedsAfter?.length ?? 0) <= CONVERSATION_ID_BYTES &&
    deviceId.length === DEVICE_ID_BYTES
  )
}
