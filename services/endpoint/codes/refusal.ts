/** A person asked for something that cannot be done; `why` says why. Nothing was changed. */
export class Refusal extends Error {
  override name = 'Refusal'
  constructor(readonly why: RefusalCause) {
    super(why.code)
  }
}

export type RefusalCause =
  /** Of a text: `bytes` of UTF-8. */
  | { code: 'text-too-long'; bytes: number; limit: number }
  | { code: 'bad-handle' | 'own-handle'; handle: string }
  | { code: 'not-a-room' }
  /** This account is not in the room any more. */
  | { code: 'not-in-room'; peer: string }
  /** It is for the room's admins. */
  | { code: 'not-an-admin'; admins: string[] }
  | { code: 'already-a-member' | 'not-a-member'; handle: string }
  /** One cannot remove oneself, but leave. */
  | { code: 'cannot-remove-yourself' }
  /** The only admin of a room cannot be unmade one. */
  | { code: 'only-admin' }
  /** The server has not taken this account in yet. */
  | { code: 'not-registered' }
  /** A name has at least one character. */
  | { code: 'bad-room-name' | 'topic-too-long' | 'bad-device-name'; characters: number }
  /** Days of history are a whole number from 0 to `limit`. */
  | { code: 'bad-days'; limit: number }
  /** Nobody who is shown so asks to be let in. */
  | { code: 'no-request'; handle: string }
  /** The changed key is to be accepted first; there is no changed key; no key is known yet. */
  | { code: 'key-changed' | 'key-not-changed' | 'key-unknown'; handle: string }
  /** Fingerprints: of the key that a person was shown and decides on, and of another one that has come since. */
  | { code: 'key-swapped'; handle: string; shown: string; seen: string }
  | { code: 'already-blocked' | 'not-blocked'; handle: string }
  | { code: 'not-your-device' | 'this-device' | 'already-revoked' }
  /** The device does not wait for it. */
  | { code: 'has-history' }
  /** It stands before this one on the account's list: it takes the words. */
  | { code: 'device-ahead' }
  /** The words are of another account; they are not kept here. */
  | { code: 'other-words' | 'no-words' }
