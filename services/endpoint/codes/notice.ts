// Notices by their codes: a person should know, and loses nothing by it.

import type { MlsCause } from '../mls/refused.js'

/** Among one's own devices: in the place of a handle or a room's name, neither of which begins with "@". */
export const OWN_DEVICES = '@own-devices'

export type Notice =
  /** The server takes no messages for now; what was sent waits here. */
  | { code: 'server-full' }
  /** The account's part of the server's disk is: others have not received what it sent. */
  | { code: 'account-full' }
  /** A conversation could not be made at the server. */
  | { code: 'not-opened'; peer: string; isRoom: boolean; why: Rejection }
  /** Somebody could not be added to a room. */
  | { code: 'not-added'; handle: string; peer: string; why: WhyNot }
  /** A change of a group could not be made. */
  | { code: 'not-changed'; peer: string; why: WhyNot }
  /** Somebody opened a conversation with this account, and the server deleted so many envelopes of it before they came. */
  | { code: 'welcome-expired'; count: bigint }
  /** The server delivers a conversation to other devices than its members agreed to. */
  | { code: 'other-devices'; peer: string }
  | { code: 'invitation-refused'; why: JoinRefusal }
  /** The vault is older than what this device has sent: its conversations are joined anew. */
  | { code: 'copy-put-back' }
  /** Somebody whom nobody knows shows a key for this handle that the server does not list. */
  | { code: 'impostor'; handle: string }
  /** The account was restored from its words, and no server knew it. */
  | { code: 'account-unknown'; handle: string }
  /** The server shows an older list of this account's devices than this device knows, or leaves this one out. */
  | { code: 'left-out'; handle: string }
  /** There are several lists of an account with one number: its words were used twice for it. */
  | { code: 'lists-forked'; handle: string }
  /** `from` knows a list of this account's devices that the server does not show here. */
  | { code: 'other-list'; from: string }
  /** A new device of this account is handed the history when a person agrees here. `device`: its name; '' where it has none. */
  | { code: 'history-asked'; device: string; fingerprint: string }
  /** This device is handed the history when a person agrees at another one. */
  | { code: 'history-awaited' }
  /** The server's directory has another key than the one that an invite link named, or that it had at first. */
  | { code: 'other-directory-key' }
  /** The server has another id, and another key of its directory, than the one that this vault was with before. */
  | { code: 'server-anew' }
  /** The server says that its operator goes by another handle than before: the known one stays. */
  | { code: 'other-operator'; known: string; told: string }
  /** So many answers of the server about handles were not taken; `handle`: of the first. */
  | { code: 'answers-dropped'; why: AnswerFault; handle: string; count: number }
  /** Texts to them wait until they are on the server. */
  | { code: 'absent'; peer: string }

/** The event for a conversation that could not be made. */
export function notOpened(what: Omit<Extract<Notice, { code: 'not-opened' }>, 'code'>) {
  return { type: 'notice', level: 'warning', notice: { code: 'not-opened', ...what } } as const
}

/** The event for an addition (`handle`: whose), or another change of a group, that could not be made. */
export function notMade({ handle, peer, why }: { handle: string | undefined; peer: string; why: WhyNot }) {
  const notice: Notice =
    handle === undefined ? { code: 'not-changed', peer, why } : { code: 'not-added', handle, peer, why }
  return { type: 'notice', level: 'warning', notice } as const
}

/** Why an answer about a handle is not taken. */
export type AnswerFault =
  /** By the key of the directory that is known. */
  | 'not-signed'
  /** The directory has signed another answer than the one that is shown. */
  | 'other-answer'
  /** It was signed at another time. */
  | 'other-time'

export type WhyNot =
  | { code: 'rejected'; rejection: Rejection }
  /** This device's own engine cannot make the commit, or the others would refuse it. */
  | { code: 'impossible'; cause: MlsCause }
  /** `handle-twice`: another account in the group claims the handle. */
  | { code: 'nobody' | 'no-device' | 'key-changed' | 'handle-twice' }

/** As the server rejects a send: RejectedSend.reason of the contract. */
export type Rejection =
  | 'stale-epoch'
  | 'not-a-member'
  | 'unknown-conversation'
  | 'conversation-exists'
  | 'too-large'
  | 'rate-limited'
  | 'out-of-order'
  | 'storage-full'
  | 'unknown-device'
  | 'too-many-members'
  | 'too-many-conversations'
  | 'malformed'
  | 'succeeded'
  | 'too-many-successors'
  /** By a reason that this version does not know. */
  | 'unknown'

/** Why a welcome leads nowhere. */
export type JoinRefusal =
  | { code: 'too-many-attempts'; attempts: number }
  | { code: 'other-conversation' | 'own-handle' }
  /** Its chain does not hold, or somebody is in it whom that or a device list does not name. */
  | { code: 'not-right' }
  /** It is to take the place of a group that this device was in, and its members did not make it so. */
  | { code: 'not-theirs' }
  | { code: 'not-signed' }
  /** Two accounts in it claim this handle. */
  | { code: 'handle-twice'; handle: string }
  | { code: 'mls'; cause: MlsCause }
