// The changes that an entry can make.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  ChainEntry_Settings,
  ChainEntrySchema,
  ChainEntry as Message,
  SignedLeaveStatement,
} from '../../../../gen/parley/content/v1/chain_pb.js'
import { copyBytes } from '../../bytes.js'
import { ROOM_NAME_LENGTH, ROOM_TOPIC_LENGTH } from '../../content/lengths.js'
import type { CryptoProvider } from '../../crypto.js'
import { type AccountKey, accountKey } from '../../keys.js'
import { isSoundKey } from '../../signature.js'
import { ChainError } from './error.js'
import { type Leave, readLeave } from './leave-statement.js'
import { SALT_BYTES } from './limits.js'

/** All that a room has besides its members. */
export interface RoomSettings {
  /** 1 to 64 characters. */
  name: string
  /** At most 256 characters. */
  topic: string
  /** New members are handed what was said in so many days; 0: nothing. */
  historyDays: number
}

/** The changes that name nothing but an account. */
type AccountChange = {
  kind: 'add' | 'remove' | 'make-admin' | 'unmake-admin'
  accountKey: AccountKey
}

export type Change =
  /** `salt`: 16 random bytes. */
  | { kind: 'create'; salt: Uint8Array; settings: RoomSettings }
  | AccountChange
  | { kind: 'leave'; leave: Leave }
  | { kind: 'settings'; settings: RoomSettings }

type ChangeMessage = NonNullable<MessageInitShape<typeof ChainEntrySchema>['change']>

/** The case of the contract for each change of an account. */
const CASES = {
  add: 'add',
  remove: 'remove',
  'make-admin': 'makeAdmin',
  'unmake-admin': 'unmakeAdmin',
} as const

export function messageOf(change: Change): ChangeMessage {
  switch (change.kind) {
    case 'create':
      return { case: 'create', value: { salt: change.salt, settings: change.settings } }
    case 'settings':
      return { case: 'settings', value: change.settings }
    case 'leave':
      return { case: 'leave', value: { statement: change.leave.signed } }
    default:
      return { case: CASES[change.kind], value: { accountKey: change.accountKey } }
  }
}

/** Throws ChainError for a change that is unknown, or breaks a rule that has nothing to do with the room. */
export function readChange(crypto: CryptoProvider, change: Message['change']): Change {
  switch (change.case) {
    case 'create':
      return { kind: 'create', salt: saltOf(change.value.salt), settings: settingsOf(change.value.settings) }
    case 'settings':
      return { kind: 'settings', settings: settingsOf(change.value) }
    case 'leave':
      return { kind: 'leave', leave: readLeave(crypto, statementOf(change.value.statement)) }
    case 'add':
      return { kind: 'add', accountKey: keyOf(change.value) }
    case 'remove':
      return { kind: 'remove', accountKey: keyOf(change.value) }
    case 'makeAdmin':
      return { kind: 'make-admin', accountKey: keyOf(change.value) }
    case 'unmakeAdmin':
      return { kind: 'unmake-admin', accountKey: keyOf(change.value) }
    default:
      throw new ChainError('unknown-change')
  }
}

function saltOf(salt: Uint8Array): Uint8Array {
  if (salt.length !== SALT_BYTES) throw new ChainError('malformed')
  return copyBytes(salt)
}

function settingsOf(settings: ChainEntry_Settings | undefined): RoomSettings {
  if (!settings) throw new ChainError('malformed')
  const { name, topic, historyDays } = settings
  const isAllowed = name.length > 0 && name.length <= ROOM_NAME_LENGTH && topic.length <= ROOM_TOPIC_LENGTH
  if (!isAllowed) throw new ChainError('settings')
  return { name, topic, historyDays }
}

function statementOf(statement: SignedLeaveStatement | undefined): SignedLeaveStatement {
  if (!statement) throw new ChainError('malformed')
  return statement
}

function keyOf(named: { accountKey: Uint8Array }): AccountKey {
  if (!isSoundKey(named.accountKey)) throw new ChainError('malformed')
  return accountKey(copyBytes(named.accountKey))
}
