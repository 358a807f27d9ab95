// A text with the signature of its writer's device, so that it can be shown to those who came later (TextStatement and
// HistoryLine in proto/parley/content/v1/chain.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  type HistoryLine,
  type TextStatement as Message,
  type SignedTextStatement,
  SignedTextStatementSchema,
  TextStatementSchema,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { concatBytes, copyBytes, equalBytes, utf8 } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import { type DeviceIdentity, readCertificate } from '../identity/certificate.js'
import type { AccountKey, DeviceKey, DeviceKeys } from '../keys.js'
import { type Label, sign, verify } from '../signature.js'
import { CONVERSATION_ID_BYTES, TEXT_BYTES } from '../sizes.js'
import { CHAIN_HASH_BYTES } from './chain/limits.js'

const LABEL: Label = 'parley.content.v1.TextStatement'
/** Bytes of a statement besides its text: its fields have about 40, the rest is room for new ones. */
const MAX_OTHER_BYTES = 1024

/** A text and the place that it was written for. */
export interface TextStatement {
  /** 32 bytes. */
  conversationId: Uint8Array
  /** The MLS group, 16 bytes. */
  groupId: Uint8Array
  /** The writer's count of the message, and the epoch at which that count began. */
  count: bigint
  joinedEpoch: bigint
  /** ms since 1970-01-01 UTC, by the writer's clock. */
  sentAt: number
  text: string
}

/** A statement as it travels: nothing in it says whose it is, or of which conversation. */
type WrittenText = Omit<TextStatement, 'conversationId'>

/** The device that writes, and the account that it writes for: nobody else's certificate of the device fits the text. */
export interface TextWriter {
  accountKey: AccountKey
  device: DeviceKeys
}

/** Signs a text. Throws RangeError for one that is too long. */
export function makeTextStatement(
  crypto: CryptoProvider,
  { sentAt, conversationId, ...written }: TextStatement,
  { accountKey, device }: TextWriter,
): SignedTextStatement {
  if (utf8(written.text).length > TEXT_BYTES) throw new RangeError(`A text has at most ${TEXT_BYTES} bytes`)
  const statement = toBinary(
    TextStatementSchema,
    create(TextStatementSchema, { ...written, sentAtMs: BigInt(Math.trunc(sentAt)) }),
  )
  const bytes = signedBytes({ accountKey, deviceKey: device.publicKey, conversationId }, statement)
  const signature = sign(crypto, { label: LABEL, bytes, privateKey: device.privateKey })
  return create(SignedTextStatementSchema, { statement, signature })
}

/** The writer of a text, and the conversation that it was written in. */
interface TextPlace {
  accountKey: AccountKey
  deviceKey: DeviceKey
  /** 32 bytes. */
  conversationId: Uint8Array
}

const signedBytes = (
  { accountKey, deviceKey, conversationId }: TextPlace,
  statement: Uint8Array,
): Uint8Array => concatBytes(accountKey, deviceKey, conversationId, statement)

/** Reads and verifies it; undefined for what nobody has signed so, or has to read. Never throws. */
export function readTextStatement(
  crypto: CryptoProvider,
  place: TextPlace,
  { statement, signature }: Pick<SignedTextStatement, 'statement' | 'signature'>,
): WrittenText | undefined {
  const message = decode(statement)
  if (!message || place.conversationId.length !== CHAIN_HASH_BYTES) return undefined
  const bytes = signedBytes(place, statement)
  if (!verify(crypto, { label: LABEL, bytes, signature, publicKey: place.deviceKey })) return undefined
  const { sentAtMs, groupId, count, joinedEpoch, text } = message
  return { groupId: copyBytes(groupId), count, joinedEpoch, sentAt: Number(sentAtMs), text }
}

/** The text of a statement that was verified when it came; '' for what is none. */
export const textIn = (statement: Uint8Array): string => decode(statement)?.text ?? ''

/** The group that a verified statement is of, and what it says when; undefined for what is none. */
export function saidIn(
  statement: Uint8Array,
): { groupId: Uint8Array; sentAtMs: bigint; text: string } | undefined {
  return decode(statement)
}

/** Whether two statements that were verified say the same at the same time, in different groups. */
export function isSaidElsewhere(one: Uint8Array, other: Uint8Array): boolean {
  const [said, again] = [decode(one), decode(other)]
  if (!said || !again || said.text !== again.text || said.sentAtMs !== again.sentAtMs) return false
  return !equalBytes(said.groupId, again.groupId)
}

function decode(bytes: Uint8Array): Message | undefined {
  if (bytes.length > TEXT_BYTES + MAX_OTHER_BYTES) return undefined
  try {
    const message = fromBinary(TextStatementSchema, bytes)
    const { groupId, count, text } = message
    const isWellFormed =
      groupId.length === CONVERSATION_ID_BYTES && count > 0n && utf8(text).length <= TEXT_BYTES
    return isWellFormed ? message : undefined
  } catch {
    return undefined
  }
}

/** A line that was handed over, and whose words are its writer's. */
interface HandedLine extends WrittenText {
  writer: Readonly<DeviceIdentity>
  /** Its place in the server's order; the word of whoever hands it over. */
  sequence: bigint
}

/**
 * Reads and verifies a line of the conversation with this id; undefined for one that the writer did not write there.
 * Whether the writer was in the conversation is for the chain to say. Never throws.
 */
export function readHistoryLine(
  crypto: CryptoProvider,
  conversationId: Uint8Array,
  { text, certificate, sequence }: Pick<HistoryLine, 'text' | 'certificate' | 'sequence'>,
): HandedLine | undefined {
  const writer = certified(crypto, certificate)
  const written = text && writer && readTextStatement(crypto, { ...writer, conversationId }, text)
  return written && { ...written, writer, sequence }
}

function certified(crypto: CryptoProvider, certificate: Uint8Array): Readonly<DeviceIdentity> | undefined {
  try {
    return readCertificate(crypto, certificate)
  } catch (error) {
    if (error instanceof IdentityError) return undefined
    throw error
  }
}
