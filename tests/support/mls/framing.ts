// Public and private messages (RFC 9420 section 6), opened and verified.

import { messageKeys } from './schedule.js'
import type { Suite } from './suite.js'
import { join, opaque, Reader, uint } from './tls.js'
import { leafAt, type Tree } from './tree.js'
import { type Commit, type GroupContext, type Proposal, readCommit, readProposal } from './wire.js'

const MEMBER = 1
const APPLICATION = 1
const PROPOSAL = 2
const COMMIT = 3

interface Signed {
  wireFormat: number
  /** A FramedContent. */
  content: Uint8Array
  sender: number
  authenticatedData: Uint8Array
  signature: Uint8Array
}

type Body =
  | { kind: 'application'; plaintext: Uint8Array }
  | { kind: 'proposal'; proposal: Proposal }
  | { kind: 'commit'; commit: Commit }

/** The tag is empty but for a commit. */
export type Opened = Signed & Body & { confirmationTag: Uint8Array }

/** A message is opened by these of its epoch. */
interface Keys {
  suite: Suite
  context: GroupContext
  tree: Tree
  senderData: Uint8Array
  encryption: Uint8Array
  membership: Uint8Array
}

/** @throws Error for a message that is not of this epoch, or not its sender's. */
export function openMessage(keys: Keys, bytes: Uint8Array): Opened {
  const reader = new Reader(bytes)
  if (reader.uint(2) !== 1) throw new Error('another version')
  const wireFormat = reader.uint(2)
  const opened = wireFormat === 1 ? openPublic(keys, reader) : openPrivate(keys, reader)
  const { key, tbs } = { key: leafAt(keys.tree, opened.sender).signatureKey, tbs: signedBytes(keys, opened) }
  if (!keys.suite.verifies(key, opened.signature, 'FramedContentTBS', tbs)) throw new Error('a signature')
  return opened
}

const signedBytes = (keys: Keys, { wireFormat, content }: Signed): Uint8Array =>
  join(uint(1, 2), uint(wireFormat, 2), content, keys.context.raw)

function openPublic(keys: Keys, reader: Reader): Opened {
  const { raw: content, ...read } = reader.raw(inner => {
    if (Buffer.compare(inner.opaque(), keys.context.groupId) !== 0) throw new Error('another group')
    if (inner.big(8) !== keys.context.epoch) throw new Error('another epoch')
    if (inner.uint(1) !== MEMBER) throw new Error('no member')
    const [sender, authenticatedData, type] = [inner.uint(4), inner.opaque(), inner.uint(1)]
    return { sender, authenticatedData, ...readBody(inner, type) }
  })
  const { raw: auth, ...authentication } = reader.raw(inner => readAuth(inner, read.kind === 'commit'))
  const opened: Opened = { wireFormat: 1, content, ...read, ...authentication }
  const tag = keys.suite.mac(keys.membership, join(signedBytes(keys, opened), auth))
  if (Buffer.compare(tag, reader.opaque()) !== 0) throw new Error('a membership tag')
  return opened
}

function openPrivate(keys: Keys, reader: Reader): Opened {
  const { suite } = keys
  const [groupId, epoch, type] = [reader.opaque(), reader.big(8), reader.uint(1)]
  if (Buffer.compare(groupId, keys.context.groupId) !== 0) throw new Error('another group')
  if (epoch !== keys.context.epoch) throw new Error('another epoch')
  const [authenticatedData, sealedSender, ciphertext] = [reader.opaque(), reader.opaque(), reader.opaque()]
  const head = join(opaque(groupId), uint(epoch, 8), uint(type, 1))
  const sample = ciphertext.slice(0, suite.hashLength)
  const senderKeys = suite.keyAndNonce((label, length) =>
    suite.expandWithLabel(keys.senderData, label, sample, length),
  )
  const senderData = new Reader(suite.open(senderKeys, sealedSender, head))
  const [sender, generation, guard] = [senderData.uint(4), senderData.uint(4), senderData.take(4)]
  const ratchet = type === APPLICATION ? 'application' : 'handshake'
  const place = { leaf: sender, generation, width: keys.tree.length, ratchet } as const
  const { key, nonce } = messageKeys(suite, keys.encryption, place)
  for (const [index, byte] of guard.entries()) nonce[index]! ^= byte
  const plaintext = suite.open({ key, nonce }, ciphertext, join(head, opaque(authenticatedData)))
  const inner = new Reader(plaintext)
  const { raw: body, ...read } = inner.raw(each => readBody(each, type))
  const authentication = readAuth(inner, read.kind === 'commit')
  if (inner.rest.some(byte => byte !== 0)) throw new Error('padding')
  const framed = [uint(MEMBER, 1), uint(sender, 4), opaque(authenticatedData), uint(type, 1), body]
  const content = join(opaque(groupId), uint(epoch, 8), ...framed)
  return { wireFormat: 2, content, sender, authenticatedData, ...read, ...authentication }
}

function readBody(reader: Reader, type: number): Body {
  if (type === APPLICATION) return { kind: 'application', plaintext: reader.opaque() }
  if (type === PROPOSAL) return { kind: 'proposal', proposal: readProposal(reader) }
  if (type === COMMIT) return { kind: 'commit', commit: readCommit(reader) }
  throw new Error(`content of type ${type}`)
}

const readAuth = (reader: Reader, isCommit: boolean) => ({
  signature: reader.opaque(),
  confirmationTag: isCommit ? reader.opaque() : new Uint8Array(),
})
