/** The faults of an identity that was made elsewhere. */
export type IdentityReason =
  /** Not a certificate or a revocation at all: it does not decode, or a field has the wrong size. */
  | 'malformed'
  /** The handle breaks the rule for handles (isHandle). */
  | 'handle'
  /** The account's key did not sign it. */
  | 'signature'

/** The fault of whoever made the identity, not of whoever reads it. */
export class IdentityError extends Error {
  override name = 'IdentityError'

  /** `what`: the handle, or the name of the statement. */
  constructor(
    readonly reason: IdentityReason,
    what: string,
    options?: ErrorOptions,
  ) {
    super(`${reason}: ${what}`, options)
  }
}
