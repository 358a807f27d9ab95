// The GroupContext of a group names the conversation and its state (GroupState in proto/parley/content/v1/chain.proto).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  ConversationKind,
  GroupStateSchema,
  type GroupState as Message,
  type SignedChainEntry,
} from '../../../gen/parley/content/v1/chain_pb.js'
import { equalBytes } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { isFixedKind, sortedAccounts } from './chain/conversation-id.js'
import { CHAIN_HASH_BYTES, MAX_ENTRIES } from './chain/limits.js'
import type { HeldGroup } from './held-group.js'
import { ledgerHash } from './ledger.js'
import { MAX_GROUP_STATE_BYTES } from './limits.js'

/** The encoded GroupState of a group as it stands, with the entries that its commit brings. */
export function encodeGroupState(
  crypto: CryptoProvider,
  held: HeldGroup,
  addedEntries: readonly SignedChainEntry[],
): Uint8Array {
  return toBinary(
    GroupStateSchema,
    create(GroupStateSchema, { ...fieldsOf(crypto, held), addedEntries: [...addedEntries] }),
  )
}

/** A GroupState as it came: its fields have the sizes that they must have, and nothing more is sure. */
export type GroupStateMessage = Omit<Message, '$typeName' | '$unknown'>

/** undefined for what nobody has to read. Never throws. */
export function decodeGroupState(bytes: Uint8Array): GroupStateMessage | undefined {
  if (bytes.length > MAX_GROUP_STATE_BYTES) return undefined
  try {
    const message = fromBinary(GroupStateSchema, bytes)
    return isWellFormed(message) ? message : undefined
  } catch {
    return undefined
  }
}

function isWellFormed(message: Message): boolean {
  const { kind, conversationId, incarnation, accounts, entries, head, ledger, addedEntries } = message
  const areAccounts = isFixedKind(kind) ? isSorted(kind, accounts) && entries === 0 : accounts.length === 0
  const isRoom = kind === ConversationKind.ROOM && entries > 0
  return (
    (isFixedKind(kind) || isRoom) &&
    areAccounts &&
    incarnation > 0 &&
    [conversationId, head, ledger].every(({ length }) => length === CHAIN_HASH_BYTES) &&
    addedEntries.length <= MAX_ENTRIES
  )
}

function isSorted(kind: ConversationKind, accounts: readonly Uint8Array[]): boolean {
  const sorted = isFixedKind(kind) ? sortedAccounts(kind, accounts) : undefined
  return sorted?.every((key, at) => equalBytes(key, accounts[at]!)) ?? false
}

/** Whether it says of the group what there is to say, but for the entries. */
export function isGroupStateOf(crypto: CryptoProvider, held: HeldGroup, message: GroupStateMessage): boolean {
  const fields = fieldsOf(crypto, held)
  return (
    message.kind === fields.kind &&
    message.incarnation === fields.incarnation &&
    message.entries === fields.entries &&
    equalBytes(message.conversationId, fields.conversationId) &&
    equalBytes(message.head, fields.head) &&
    equalBytes(message.ledger, fields.ledger) &&
    message.accounts.length === fields.accounts.length &&
    message.accounts.every((key, at) => equalBytes(key, fields.accounts[at]!))
  )
}

function fieldsOf(crypto: CryptoProvider, { state, incarnation, ledger }: HeldGroup) {
  const { kind, id, number, head, members } = state
  return {
    kind,
    conversationId: id,
    incarnation,
    accounts: isFixedKind(kind) ? members.map(({ accountKey }) => accountKey) : [],
    entries: number,
    head,
    ledger: ledgerHash(crypto, ledger),
  }
}
