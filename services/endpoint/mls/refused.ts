/**
 * Why something that came from elsewhere was not accepted. Every cause is the sender's or the
 * network's doing, except `damaged` (our own storage) and the last group (our caller's).
 */
export type MlsCause =
  /** The bytes are no MLS message, or there are bytes behind it. */
  | 'malformed'
  /** A valid MLS message of a kind, suite, extension or proposal that Parley does not use. */
  | 'unsupported'
  | 'wrong-group'
  /** It was opened already, or is older than one that was: its key is gone. */
  | 'replayed'
  /** More messages of its sender are missing than a receiver is willing to skip. */
  | 'too-far-ahead'
  /** A key, signature, tag or hash does not fit: tampered with, or made from another state. */
  | 'not-authentic'
  /** The identity in a leaf does not certify that leaf's signature key. */
  | 'bad-credential'
  /** A key package outside of its lifetime, or with one that is too long. */
  | 'expired'
  /** The device, or one of its keys, is in the group already. */
  | 'already-member'
  /** A commit gave the committer's own leaf another identity or signature key. */
  | 'identity-changed'
  /** The policy callback said no. */
  | 'policy'
  /** A proposal outside of a commit. */
  | 'standalone-proposal'
  /** The ratchet tree of a welcome breaks a rule of RFC 9420 section 12.4.3.1. */
  | 'bad-tree'
  /** A welcome that is for none of the key packages given. */
  | 'no-matching-key-package'
  /** Opening a welcome took too long, too much memory, or ended the worker. */
  | 'too-costly'
  | 'too-many-members'
  /** Saved bytes that cannot be read back. */
  | 'damaged'
  /** The group has moved on since this commit was made, or it belongs to another group. */
  | 'stale-pending'
  /** All key packages of an add were refused, so there is nothing to commit. */
  | 'no-usable-key-package'
  /** A leaf that is not there, or its committer's own, or named twice; or data that are too long. */
  | 'bad-change'

/** The one error that the engine throws. It says what was wrong, never what was inside. */
export class MlsRefused extends Error {
  override readonly name = 'MlsRefused'
  constructor(
    /** Stable: callers decide by it and never by the message. */
    readonly why: MlsCause,
    options?: { cause?: unknown },
  ) {
    super(`refused: ${why}`, options)
  }
}

/**
 * Runs `work` and turns whatever the library throws into MlsRefused(`why`): on hostile input it
 * throws TypeError and RangeError as well as its own classes.
 */
export async function refusing<T>(why: MlsCause, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asRefused(error, why)
  }
}

/** `error` itself where it is MlsRefused already, otherwise MlsRefused(`why`) with it as the cause. */
export function asRefused(error: unknown, why: MlsCause): MlsRefused {
  return error instanceof MlsRefused ? error : new MlsRefused(why, { cause: error })
}
