/** The faults of an identity that was made elsewhere. */
export type IdentityReason =
  /** Not a statement of that kind at all: it does not decode, or a field has the wrong size. */
  | 'malformed'
  /** The handle breaks the rule for handles (isHandle). */
  | 'handle'
  /** The key that it names as its signer did not sign it. */
  | 'signature'
  /** More devices on a list, or more removals of one, than anybody reads. */
  | 'too-many'
  /** The list names a device twice, or the account's own key as a device. */
  | 'repeated'
  /** The removal is of another account than the list. */
  | 'other-account'
  /** The removal is of another list of the account. */
  | 'other-list'
  /** The list has not the device that is removed, or not the one that signed. */
  | 'not-listed'
  /** The device that signed stands behind the one that it removes. */
  | 'order'

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
