// Why something cannot be read, or what is missing.

import type { MlsCause } from '../mls/refused.js'

/** `Person`: as for SystemMessage. */
export type Unreadable<Person = string> =
  | { code: 'old-epoch' | 'future-epoch' }
  /** The server says that this device sent something here, of which it knows nothing. */
  | { code: 'unknown-echo' }
  /** It is not of the kind that the server said. */
  | { code: 'other-kind' }
  | { code: 'refused'; cause: MlsCause }
  | { code: 'bad-content' | 'unknown-content'; from: Person }
  /** The server has made up a change of the group: no member signed it. */
  | { code: 'not-signed' }
  /** A member changed the group against its rules. */
  | { code: 'against-rules'; from: Person }
  /** Its device is not in use by its account, or its account is not in the room: it is held back. */
  | { code: 'not-in-use'; from: Person }
  /** So many envelopes were deleted from the server before this device came for them. */
  | { code: 'expired'; count: bigint }
  /** So many of somebody's did not arrive. */
  | { code: 'gap'; from: Person; count: bigint }
  /** Somebody was shown another course of the conversation. */
  | { code: 'forked'; from: Person }
  /** A newer version has noted why, and this one cannot say it. */
  | { code: 'newer' }

/** Whether something is missing, rather than here and closed. */
export const isMissing = ({ code }: Pick<Unreadable, 'code'>): boolean =>
  code === 'expired' || code === 'gap' || code === 'forked' || code === 'unknown-echo'

/** The engine says this of an envelope in place of a content. */
type NotOpened =
  | { kind: 'old-epoch' | 'future-epoch' | 'removed' | 'commit' | 'application' }
  | { kind: 'refused'; cause: MlsCause }

export function notOpened(opened: NotOpened): Exclude<Unreadable<never>, { code: 'newer' }> {
  switch (opened.kind) {
    case 'refused':
      return { code: 'refused', cause: opened.cause }
    case 'old-epoch':
    case 'future-epoch':
      return { code: opened.kind }
    default:
      return { code: 'other-kind' }
  }
}
