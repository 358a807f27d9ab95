// The rules of who may register, and what keeps a device out. A store gathers the facts and decides within one
// transaction, so that of several who want the same handle or use the same invite exactly one gets it.

import { equalBytes } from '../../protocol/bytes.js'
import type { Blocked, DeviceRecord, RegisterOutcome, RegisterTerms } from './store.js'

/** Revocations of one account that are remembered of devices that have never registered. */
export const REVOKED_BEFOREHAND = 1_000
/** Hashes of claimed key packages that are remembered for each device. */
export const REMEMBERED_CLAIMS = 10_000

export interface RegistrationFacts {
  /** The handle or the device is. */
  banned: boolean
  /** The account that goes by the handle, and how many devices it has that are not revoked. */
  account: { accountKey: Uint8Array; devices: number } | undefined
  /** The handle that the device registered under before. */
  registeredAs: string | undefined
  /** The account that goes by the handle has revoked the device. */
  revoked: boolean
  /** The invite that was given is known, and its time is not over. */
  inviteHolds: boolean
  devicesPerAccount: number
}

/**
 * Decides on a registration. With 'registered' or 'added' the store keeps the device; where the terms ask for
 * an invite, a new account uses it up.
 */
export function decideRegistration(
  { handle, accountKey }: DeviceRecord,
  terms: RegisterTerms,
  facts: RegistrationFacts,
): RegisterOutcome {
  const { account, registeredAs } = facts
  if (facts.banned) return 'banned'
  if (account && !equalBytes(account.accountKey, accountKey)) return 'handle-taken'
  if (facts.revoked) return 'revoked'
  // A device stays with the handle that it came with: to it, every other handle is another's.
  if (registeredAs !== undefined) return registeredAs === handle ? 'known' : 'handle-taken'
  if (account) return account.devices < facts.devicesPerAccount ? 'added' : 'too-many-devices'
  return decideNewAccount(terms, facts)
}

function decideNewAccount(
  { newAccounts, inviteHash }: RegisterTerms,
  facts: RegistrationFacts,
): RegisterOutcome {
  if (newAccounts === 'open') return 'registered'
  if (newAccounts === 'closed') return 'registration-closed'
  if (inviteHash === undefined) return 'invite-needed'
  return facts.inviteHolds ? 'registered' : 'invite-invalid'
}

/** Revoked comes first, because it is for good. */
export function blockedBy({ revoked, banned }: { revoked: boolean; banned: boolean }): Blocked | undefined {
  if (revoked) return 'revoked'
  return banned ? 'banned' : undefined
}
