// A device has lost a group's state and asks to be removed and added again (proto/parley/v1/rejoin.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type RejoinStatement as Message,
  RejoinStatementSchema,
  type SignedRejoinStatement,
  SignedRejoinStatementSchema,
} from '../../../gen/parley/v1/rejoin_pb.js'
import { concatBytes, copyBytes, equalBytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { type DeviceKey, type DeviceKeys, deviceKey, sameKey } from '../keys.js'
import { type Label, sign, verify } from '../signature.js'
import {
  CONVERSATION_ID_BYTES,
  FINGERPRINT_BYTES,
  KEY_BYTES,
  MAX_STATEMENT_BYTES,
  NONCE_BYTES,
} from '../sizes.js'
import type { HeldGroup } from './held-group.js'
import { REJOIN_EPOCHS } from './limits.js'

const LABEL: Label = 'parley.v1.RejoinStatement'
const HEAD_PREFIX = utf8('parley.v1.BlindedHead\0')

/** A request whose signature holds. Whether it counts is for rejoinFault to say. */
export interface Rejoin {
  /** 16 bytes. */
  groupId: Uint8Array
  incarnation: number
  /** 32 bytes. */
  blindedHead: Uint8Array
  /** 16 bytes. */
  nonce: Uint8Array
  /** The newest epoch that the device has heard of. */
  lastEpoch: bigint
  deviceKey: DeviceKey
}

/** An encoded SignedRejoinStatement. `head`: the last one that the device knows; `nonce` is random unless given. */
export function makeRejoinStatement(
  crypto: CryptoProvider,
  request: { groupId: Uint8Array; incarnation: number; head: Uint8Array; lastEpoch: bigint },
  { device, nonce = crypto.randomBytes(NONCE_BYTES) }: { device: DeviceKeys; nonce?: Uint8Array },
): Uint8Array {
  const { head, ...fields } = request
  const statement = toBinary(
    RejoinStatementSchema,
    create(RejoinStatementSchema, {
      ...fields,
      blindedHead: blinded(crypto, nonce, head),
      nonce,
      deviceKey: device.publicKey,
    }),
  )
  const signature = sign(crypto, { label: LABEL, bytes: statement, privateKey: device.privateKey })
  return encodeRejoinStatement(create(SignedRejoinStatementSchema, { statement, signature }))
}

/** As commits carry it. */
export const encodeRejoinStatement = (signed: SignedRejoinStatement): Uint8Array =>
  toBinary(SignedRejoinStatementSchema, signed)

/** The group and the device that a statement names, of which nothing is verified; undefined for what is none. Never throws. */
export function namedByRejoin({
  statement,
}: Pick<SignedRejoinStatement, 'statement'>): Pick<Rejoin, 'groupId' | 'deviceKey'> | undefined {
  try {
    const message = fromBinary(RejoinStatementSchema, statement)
    const { groupId } = message
    return isWellFormed(message) ? { groupId, deviceKey: deviceKey(message.deviceKey) } : undefined
  } catch {
    return undefined
  }
}

/** Reads and verifies an encoded SignedRejoinStatement; undefined for what is none. Never throws. */
export function readRejoinStatement(crypto: CryptoProvider, bytes: Uint8Array): Rejoin | undefined {
  if (bytes.length > MAX_STATEMENT_BYTES) return undefined
  const decoded = decode(bytes)
  if (!decoded || !isWellFormed(decoded.message)) return undefined
  const { statement, signature, message } = decoded
  const { groupId, incarnation, blindedHead, nonce, lastEpoch } = message
  if (!verify(crypto, { label: LABEL, bytes: statement, signature, publicKey: message.deviceKey }))
    return undefined
  return {
    groupId: copyBytes(groupId),
    incarnation,
    blindedHead: copyBytes(blindedHead),
    nonce: copyBytes(nonce),
    lastEpoch,
    deviceKey: deviceKey(copyBytes(message.deviceKey)),
  }
}

function decode(
  bytes: Uint8Array,
): { statement: Uint8Array; signature: Uint8Array; message: Message } | undefined {
  try {
    const { statement, signature } = fromBinary(SignedRejoinStatementSchema, bytes)
    return { statement, signature, message: fromBinary(RejoinStatementSchema, statement) }
  } catch {
    return undefined
  }
}

const isWellFormed = ({ groupId, blindedHead, nonce, deviceKey }: Message): boolean =>
  groupId.length === CONVERSATION_ID_BYTES &&
  blindedHead.length === FINGERPRINT_BYTES &&
  nonce.length === NONCE_BYTES &&
  deviceKey.length === KEY_BYTES

/** Why a request does not count in a commit of the group's present epoch. */
export type RejoinFault =
  | 'other-group'
  | 'other-incarnation'
  /** The device has no leaf. */
  | 'no-leaf'
  /** It names an epoch that the group has not reached. */
  | 'too-early'
  /** It counted for 16 epochs, and they are over. */
  | 'too-late'
  /** A leaf of the device was removed since. */
  | 'ended'
  /** The device stands on another chain. */
  | 'other-chain'

/** undefined for a request that counts. It looks at what the group holds and at nothing else, so all members agree. */
export function rejoinFault(
  crypto: CryptoProvider,
  held: HeldGroup,
  request: Rejoin,
): RejoinFault | undefined {
  const { lastEpoch, nonce, blindedHead } = request
  const isDevice = (each: { deviceKey: DeviceKey }) => sameKey(each.deviceKey, request.deviceKey)
  if (!equalBytes(held.groupId, request.groupId)) return 'other-group'
  if (held.incarnation !== request.incarnation) return 'other-incarnation'
  if (!held.leaves.some(isDevice)) return 'no-leaf'
  if (lastEpoch > held.epoch) return 'too-early'
  if (held.epoch - lastEpoch >= REJOIN_EPOCHS) return 'too-late'
  if (held.ledger.removed.some(each => isDevice(each) && each.epoch >= lastEpoch)) return 'ended'
  // The newest first: most devices that ask have missed little.
  const isOurs = held.state.heads.findLast(head => equalBytes(blinded(crypto, nonce, head), blindedHead))
  return isOurs ? undefined : 'other-chain'
}

const blinded = (crypto: CryptoProvider, nonce: Uint8Array, head: Uint8Array): Uint8Array =>
  crypto.sha256(concatBytes(HEAD_PREFIX, nonce, head))
