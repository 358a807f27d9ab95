// A server's word on whose a handle is, signed so that it can be shown to others (proto/parley/v1/directory.proto).

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  DirectoryStatementSchema,
  type SignedDirectoryStatementSchema,
  type DirectoryStatement as StatementMessage,
} from '../../../gen/parley/v1/directory_pb.js'
import { copyBytes, equalBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { IdentityError } from '../error.js'
import { type AccountKey, accountKey as toAccountKey } from '../keys.js'
import { isSoundKey, type KeyPair, type Label, sign, verify } from '../signature.js'
import { DIRECTORY_STATEMENT_BYTES, LIST_HASH_BYTES, SERVER_ID_BYTES } from '../sizes.js'
import { isTime } from '../time.js'
import { type DeviceList, MAX_LIST_NUMBER } from './device-list.js'
import { checkHandle, decodeBounded } from './statement.js'

const NAME = 'directory-statement'
const LABEL: Label = 'parley.v1.DirectoryStatement'

/** The account that a directory lists under a handle, and the list that it has of it. */
interface ListedAccount {
  accountKey: AccountKey
  number: number
  /** 32 bytes. */
  hash: Uint8Array
}

export interface DirectoryStatement {
  /** 16 bytes. */
  serverId: Uint8Array
  handle: string
  /** When the server answered, in ms since 1970-01-01 UTC. */
  time: number
  /** undefined: nobody goes by the handle. */
  listed: ListedAccount | undefined
}

type Signed = Required<
  Pick<
    Exclude<MessageInitShape<typeof SignedDirectoryStatementSchema>, { $typeName: string }>,
    'statement' | 'signature'
  >
>

/** Signs with the directory's key. Throws IdentityError for what nobody would take. */
export function makeDirectoryStatement(
  crypto: CryptoProvider,
  directory: Pick<KeyPair, 'privateKey'>,
  { serverId, handle, time, listed }: DirectoryStatement,
): Signed {
  const answer: StatementMessage['answer'] | MessageInitShape<typeof DirectoryStatementSchema>['answer'] =
    listed
      ? {
          case: 'listed',
          value: {
            accountKey: listed.accountKey,
            listNumber: BigInt(listed.number),
            listHash: listed.hash,
          },
        }
      : { case: 'nobody', value: {} }
  const timeMs = BigInt(Math.trunc(time))
  const message = create(DirectoryStatementSchema, { serverId, handle, timeMs, answer })
  checkMessage(message)
  const statement = toBinary(DirectoryStatementSchema, message)
  const signature = sign(crypto, { label: LABEL, bytes: statement, privateKey: directory.privateKey })
  return { statement, signature }
}

/**
 * Reads a statement and verifies that this directory has made it. Whether it is of this server, of the handle and the
 * moment that are meant, and of what is shown beside it, is for the caller. Throws nothing but IdentityError.
 */
export function readDirectoryStatement(
  crypto: CryptoProvider,
  { statement, signature }: Signed,
  directoryKey: Uint8Array,
): DirectoryStatement {
  const limit = DIRECTORY_STATEMENT_BYTES
  const message = decodeBounded(statement, {
    ...{ name: NAME, limit },
    decode: bytes => fromBinary(DirectoryStatementSchema, bytes),
  })
  checkMessage(message)
  if (!verify(crypto, { label: LABEL, bytes: statement, signature, publicKey: directoryKey }))
    throw new IdentityError('signature', NAME)
  const { serverId, handle, timeMs, answer } = message
  return {
    ...{ serverId: copyBytes(serverId), handle, time: Number(timeMs) },
    listed:
      answer.case === 'listed'
        ? {
            accountKey: toAccountKey(copyBytes(answer.value.accountKey)),
            number: Number(answer.value.listNumber),
            hash: copyBytes(answer.value.listHash),
          }
        : undefined,
  }
}

/** Whether a statement says this very list, or, without one, that there is none. */
export function saysOfList(
  { listed }: Pick<DirectoryStatement, 'listed'>,
  list: Pick<DeviceList, 'accountKey' | 'hash' | 'number'> | undefined,
): boolean {
  if (!listed || !list) return !listed && !list
  return (
    equalBytes(listed.accountKey, list.accountKey) &&
    listed.number === list.number &&
    equalBytes(listed.hash, list.hash)
  )
}

/** Throws IdentityError. */
function checkMessage({ serverId, handle, timeMs, answer }: StatementMessage): void {
  const isWellFormed =
    serverId.length === SERVER_ID_BYTES &&
    isTime(timeMs) &&
    answer.case !== undefined &&
    (answer.case === 'nobody' || isListed(answer.value))
  if (!isWellFormed) throw new IdentityError('malformed', NAME)
  checkHandle(handle)
}

type ListedMessage = Extract<StatementMessage['answer'], { case: 'listed' }>['value']

const isListed = ({ accountKey, listNumber, listHash }: ListedMessage): boolean =>
  isSoundKey(accountKey) &&
  listNumber >= 1n &&
  listNumber <= BigInt(MAX_LIST_NUMBER) &&
  listHash.length === LIST_HASH_BYTES
