// One change of a room, signed by a device of a member (ChainEntry in proto/parley/content/v1/chain.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ChainEntrySchema,
  type ChainEntry as Message,
  type SignedChainEntry,
  SignedChainEntrySchema,
} from '../../../../gen/parley/content/v1/chain_pb.js'
import { concatBytes, copyBytes, utf8 } from '../../bytes.js'
import type { CryptoProvider } from '../../crypto.js'
import type { DeviceIdentity } from '../../identity/certificate.js'
import type { DeviceKeys } from '../../keys.js'
import { type Label, sign, verify } from '../../signature.js'
import { CONVERSATION_ID_BYTES } from '../../sizes.js'
import { type Change, messageOf, readChange } from './change.js'
import { ChainError } from './error.js'
import { CHAIN_HASH_BYTES, MAX_ENTRY_BYTES } from './limits.js'
import { authorOf } from './signer.js'

const LABEL: Label = 'parley.content.v1.ChainEntry'
const HASH_PREFIX = utf8(`${LABEL}\0`)

/** An entry whose signatures hold. Whether its author may do that is for stateAfter to say. */
export interface ChainEntry {
  /** 1, 2, 3, ... */
  number: number
  /** The hash of the entry before; empty in the first. */
  previous: Uint8Array
  /** The MLS group in which it is committed, 16 bytes. */
  groupId: Uint8Array
  /** The epoch in which that commit is made. */
  epoch: bigint
  author: Readonly<DeviceIdentity>
  change: Change
  hash: Uint8Array
  /** Bytes of the encoded ChainEntry. */
  size: number
  /** The entry as it travels. */
  signed: SignedChainEntry
}

/** The place of a new entry in its chain and in its group. */
interface EntryPlace {
  /** The state that it changes; undefined: it is the first. */
  before: { number: number; head: Uint8Array } | undefined
  groupId: Uint8Array
  epoch: bigint
}

/** A signed entry; whether the rules let it be there is for stateAfter to say. */
export function makeEntry(
  crypto: CryptoProvider,
  { before, groupId, epoch }: EntryPlace,
  { device, certificate, change }: { device: DeviceKeys; certificate: Uint8Array; change: Change },
): SignedChainEntry {
  const entry = toBinary(
    ChainEntrySchema,
    create(ChainEntrySchema, {
      number: (before?.number ?? 0) + 1,
      previous: before?.head ?? new Uint8Array(),
      groupId,
      epoch,
      certificate,
      change: messageOf(change),
    }),
  )
  const signature = sign(crypto, { label: LABEL, bytes: entry, privateKey: device.privateKey })
  return create(SignedChainEntrySchema, { entry, signature })
}

/** The name of an entry in the one behind it, 32 bytes. */
export function entryHash(
  crypto: CryptoProvider,
  { entry, signature }: Pick<SignedChainEntry, 'entry' | 'signature'>,
): Uint8Array {
  return crypto.sha256(concatBytes(HASH_PREFIX, entry, signature))
}

/** Reads and verifies an entry, wherever it comes from. Throws nothing but ChainError. */
export function readEntry(crypto: CryptoProvider, signed: SignedChainEntry): ChainEntry {
  const { entry, signature } = signed
  const message = decode(entry)
  const author = authorOf(crypto, message.certificate)
  if (!verify(crypto, { label: LABEL, bytes: entry, signature, publicKey: author.deviceKey }))
    throw new ChainError('signature')
  return {
    number: message.number,
    previous: copyBytes(message.previous),
    groupId: copyBytes(message.groupId),
    epoch: message.epoch,
    author,
    change: readChange(crypto, message.change),
    hash: entryHash(crypto, signed),
    size: entry.length,
    signed,
  }
}

function decode(bytes: Uint8Array): Message {
  if (bytes.length > MAX_ENTRY_BYTES) throw new ChainError('too-long')
  const message = decodeAny(bytes)
  const { number, previous, groupId } = message
  const isFirst = number === 1
  const isWellFormed =
    number >= 1 &&
    previous.length === (isFirst ? 0 : CHAIN_HASH_BYTES) &&
    groupId.length === CONVERSATION_ID_BYTES
  if (!isWellFormed) throw new ChainError('malformed')
  return message
}

function decodeAny(bytes: Uint8Array): Message {
  try {
    return fromBinary(ChainEntrySchema, bytes)
  } catch (cause) {
    throw new ChainError('malformed', { cause })
  }
}
