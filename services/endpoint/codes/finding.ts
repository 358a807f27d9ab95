// The doctor's findings, and deeds, by code.

import type { ProbeReason } from '../../rpc/error.js'
import type { DownCause, StopCause } from './line-cause.js'
import type { Unreadable } from './unreadable.js'

export type Found = ConnectionFound | AccountFound | ConversationFound | VaultFound

export type ConnectionFound =
  | { code: 'no-server' }
  /** The name of the address is not known. */
  | { code: 'name-unknown'; address: string }
  /** `addresses`: what its name stands for; none where it is an address. */
  | { code: 'server-answers'; address: string; addresses: string[] }
  | { code: 'server-unreachable'; address: string; addresses: string[]; why: ProbeReason }
  | { code: 'server-key-pinned' | 'server-key-vouched' }
  | { code: 'server-key-wrong'; why: StopCause }
  /** `days`: until it runs out; less than 0: it did. `isPinned`: the key counts, whatever the dates around it. */
  | { code: 'certificate'; notAfter: Date; days: number; isPinned: boolean }
  | { code: 'line-up' | 'line-not-up' }
  | { code: 'line-down'; why: DownCause }
  | { code: 'line-stopped'; why: StopCause }
  /** `offsetMs`: this machine's clock minus the server's. */
  | { code: 'clock'; offsetMs: number }

export type AccountFound =
  | { code: 'server-not-asked'; why: DownCause | StopCause }
  | { code: 'registered'; handle: string; devices: number }
  | { code: 'not-listed'; handle: string }
  /** At the server, and the private keys here. `elsewhere`: keys of some that the server has are not here. */
  | {
      code: 'key-packages' | 'key-packages-elsewhere' | 'key-packages-none'
      atServer: number
      here: number
      hasLastResort: boolean
    }

export type ConversationFound =
  | { code: 'blocked' | 'key-changed'; handle: string }
  | { code: 'not-in-room' | 'no-other-device' | 'from-history' | 'keys-useless' }
  | { code: 'nobody-reachable'; handle: string }
  | { code: 'leaving' }
  /** `isLeaving`: this device needs it only to say that it leaves. */
  | { code: 'state-lost'; isLeaving: boolean; askedAt: Date | undefined }
  /** `unheard`: of them nothing has come in this epoch; `last`: when something did, ever. */
  | {
      code: 'agreement'
      epoch: bigint
      accounts: number
      devices: number
      others: number
      unheard: { handle: string; last: Date | undefined }[]
    }
  | { code: 'commit-stuck' }
  /** `handle`: undefined where they have left. `isOver`: nothing of it in this epoch. */
  | { code: 'forked'; handle: string | undefined; at: Date; isOver: boolean }
  | { code: 'gap' | 'gap-for-ever'; handle: string | undefined; count: number }
  | { code: 'changes-wait' | 'changes-pointless'; count: number }
  | { code: 'unreadable'; count: number; why: Unreadable }
  | { code: 'unsent' | 'undelivered'; count: number }

export type VaultFound =
  | { code: 'records'; count: number }
  | { code: 'records-damaged'; count: number; damaged: { table: string; count: number }[] }

/** The doctor's answer to a finding. */
export type Deed =
  | { code: 'published'; count: number }
  | { code: 'looked-again' | 'asked-to-rejoin' | 'asked-again' | 'stopped-waiting' }
  /** It is opened anew; it is made anew if it is due; nothing more. */
  | { code: 'gave-up-conversation' | 'gave-up-commit' | 'gave-up-changes' }
