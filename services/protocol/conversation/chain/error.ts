/** The faults of an entry, or of a chain. */
export type ChainReason =
  /** Not an entry at all: it does not decode, or a field has the wrong size. */
  | 'malformed'
  /** The entry, or the chain with it, is longer than anybody reads. */
  | 'too-long'
  /** The certificate of the device that signed does not hold. */
  | 'certificate'
  /** The device of the certificate did not sign it. */
  | 'signature'
  /** A change that this version does not know. */
  | 'unknown-change'
  /** Not the number behind that of the entry before. */
  | 'number'
  /** It names another entry as the one before. */
  | 'previous'
  /** Its epoch is below that of the entry before, in one group. */
  | 'epoch'
  /** It is of a conversation that has no chain. */
  | 'no-chain'
  /** The first entry creates nothing, or a later one does. */
  | 'creation'
  /** Its author is not in the room. */
  | 'author-not-a-member'
  /** Its author would have to be an admin. */
  | 'author-not-an-admin'
  | 'already-a-member'
  | 'not-a-member'
  | 'already-an-admin'
  | 'not-an-admin'
  /** The room would have no admin. */
  | 'last-admin'
  /** An account removes itself, or commits its own leave. */
  | 'own-account'
  /** The room has as many members as it may have. */
  | 'too-many-members'
  /** The chain has only room left for entries that take away. */
  | 'chain-full'
  /** The name or the topic breaks its rule. */
  | 'settings'
  /** The statement of a leave is of another room, or of an earlier stay in this one. */
  | 'other-stay'

/** The fault of whoever made the entry, not of whoever reads it. */
export class ChainError extends Error {
  override name = 'ChainError'
  constructor(
    readonly reason: ChainReason,
    options?: ErrorOptions,
  ) {
    super(reason, options)
  }
}
