import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  LeaveStatementSchema,
  type LeaveStatement as Message,
  type SignedLeaveStatement,
  SignedLeaveStatementSchema,
} from '../../../../gen/parley/content/v1/chain_pb.js'
import { copyBytes } from '../../bytes.js'
import type { CryptoProvider } from '../../crypto.js'
import type { AccountKey, DeviceKey, DeviceKeys } from '../../keys.js'
import { type Label, sign, verify } from '../../signature.js'
import { ChainError } from './error.js'
import { CHAIN_HASH_BYTES, MAX_ENTRY_BYTES } from './limits.js'
import { authorOf } from './signer.js'

const LABEL: Label = 'parley.content.v1.LeaveStatement'

/** The will of an account to leave a room; verified. */
export interface Leave {
  /** The account that leaves. */
  accountKey: AccountKey
  /** The device that signed. */
  deviceKey: DeviceKey
  /** The room, 32 bytes. */
  conversationId: Uint8Array
  /** The number of the entry that added the account. */
  added: number
  /** The statement as it travels. */
  signed: SignedLeaveStatement
}

/** Says that the account of the certificate leaves the room into which the entry with the number `added` let it. */
export function makeLeave(
  crypto: CryptoProvider,
  options: { conversationId: Uint8Array; added: number; device: DeviceKeys; certificate: Uint8Array },
): SignedLeaveStatement {
  const { conversationId, added, device, certificate } = options
  const statement = toBinary(
    LeaveStatementSchema,
    create(LeaveStatementSchema, { conversationId, added, certificate }),
  )
  const signature = sign(crypto, { label: LABEL, bytes: statement, privateKey: device.privateKey })
  return create(SignedLeaveStatementSchema, { statement, signature })
}

/** Reads and verifies it. That it is of this room and this stay is for the rules to say. Throws nothing but ChainError. */
export function readLeave(crypto: CryptoProvider, signed: SignedLeaveStatement): Leave {
  const { statement, signature } = signed
  const { conversationId, added, certificate } = decode(statement)
  const { accountKey, deviceKey } = authorOf(crypto, certificate)
  if (!verify(crypto, { label: LABEL, bytes: statement, signature, publicKey: deviceKey }))
    throw new ChainError('signature')
  return { accountKey, deviceKey, conversationId: copyBytes(conversationId), added, signed }
}

function decode(bytes: Uint8Array): Message {
  if (bytes.length > MAX_ENTRY_BYTES) throw new ChainError('too-long')
  try {
    const statement = fromBinary(LeaveStatementSchema, bytes)
    if (statement.conversationId.length === CHAIN_HASH_BYTES && statement.added > 0) return statement
  } catch (cause) {
    throw new ChainError('malformed', { cause })
  }
  throw new ChainError('malformed')
}
