import { ConversationKind } from '../../../../gen/parley/content/v1/chain_pb.js'
import { compareBytes, concatBytes, utf8 } from '../../bytes.js'
import type { CryptoProvider } from '../../crypto.js'
import { type AccountKey, accountKey } from '../../keys.js'
import { KEY_BYTES } from '../../sizes.js'

const PREFIX = utf8('parley.content.v1.Conversation\0')

/** The kinds of conversations that have no chain: their accounts stay the same for ever. */
export type FixedKind = ConversationKind.DIRECT | ConversationKind.OWN_DEVICES

/** How many accounts a conversation without a chain has. */
const ACCOUNTS: Readonly<Record<FixedKind, number>> = {
  [ConversationKind.DIRECT]: 2,
  [ConversationKind.OWN_DEVICES]: 1,
}

export const isFixedKind = (kind: ConversationKind): kind is FixedKind =>
  kind === ConversationKind.DIRECT || kind === ConversationKind.OWN_DEVICES

/** The keys with the lower one first; undefined where a conversation of this kind cannot be among these accounts. */
export function sortedAccounts(
  kind: FixedKind,
  accountKeys: readonly Uint8Array[],
): readonly AccountKey[] | undefined {
  if (accountKeys.length !== ACCOUNTS[kind]) return undefined
  const sorted = [...accountKeys].sort(compareBytes)
  const [first, second] = sorted
  const isDistinct = second === undefined || compareBytes(first!, second) !== 0
  return isDistinct && sorted.every(key => key.length === KEY_BYTES) ? sorted.map(accountKey) : undefined
}

/**
 * The id (32 bytes) of a conversation without a chain, whichever account is named first. Throws RangeError where there
 * is none of this kind among these accounts.
 */
export function fixedConversationId(
  crypto: CryptoProvider,
  kind: FixedKind,
  accountKeys: readonly Uint8Array[],
): Uint8Array {
  const sorted = sortedAccounts(kind, accountKeys)
  if (!sorted) throw new RangeError('A direct conversation is of two accounts, and one of own devices of one')
  return crypto.sha256(concatBytes(PREFIX, Uint8Array.of(kind), ...sorted))
}
