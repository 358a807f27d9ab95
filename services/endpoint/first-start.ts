// How an endpoint begins: what a person gave at a start, noted in the vault.

import { parseVerifiedCertificate } from '../protocol/identity/certificate.js'
import { accountFingerprint } from '../protocol/identity/fingerprint.js'
import { isHandle } from '../protocol/identity/handle.js'
import type { Address } from '../protocol/invite/address.js'
import { formatInvite, type Inviter } from '../protocol/invite/invite-link.js'
import { Refusal } from './codes/refusal.js'
import { makeAccount, restoreAccount, saveAccount } from './contacts/account.js'
import type { Context } from './context.js'
import { crypto } from './crypto.js'
import { loadServer, type ServerRecord, saveServer } from './sync/server-record.js'
import type { Transaction } from './vault/records.js'

/** How to begin where the vault is new; what an older vault has stays unless it is named here. */
export interface StartOptions {
  handle?: string
  /** The account's seed (32 bytes, from its recovery phrase): this becomes a further device of it. Secret. */
  seed?: Uint8Array
  address?: Address
  /** SHA-256 of the server's SubjectPublicKeyInfo: from an invite link, or a changed one that a person accepts. */
  server?: { fingerprint: Uint8Array; replacesPin: boolean }
  inviter?: Inviter
  /** From an invite link: lets a new account in where the server asks for it. */
  inviteToken?: string
}

/** Makes the account and notes the server, where that is not done yet. Throws Refusal for what is no handle. */
export function prepare(
  context: Pick<Context, 'account' | 'clock' | 'contacts' | 'devices' | 'session'>,
  tx: Transaction,
  start: StartOptions,
): void {
  const { handle, seed, address, server, inviter, inviteToken } = start
  if (!context.account) {
    if (handle === undefined) throw new RangeError('a new vault needs a handle')
    if (!isHandle(handle)) throw new Refusal({ code: 'bad-handle', handle })
    const now = context.clock.now()
    const account = seed ? restoreAccount({ handle, seed, issuedAt: now }) : makeAccount(handle, now)
    saveAccount(tx, account, now)
    tx.after(() => {
      context.session.isUnconfirmed = seed !== undefined
    })
    const { deviceKey, issuedAt } = parseVerifiedCertificate(account.certificate)
    context.devices.change(tx, deviceKey, { issuedAtMs: BigInt(issuedAt) })
  }
  const known = loadServer(tx)
  const target = address ?? known
  if (!target) throw new RangeError('a new vault needs the address of a server')
  saveServer(tx, { host: target.host, port: target.port, ...(server ? expectServer(server, known) : {}) })
  // A device that has been let in needs none any more.
  if (inviteToken && !known?.cursor.length) saveServer(tx, { inviteToken })
  if (inviter && inviter.handle !== context.account.handle)
    context.contacts.expect(tx, inviter.handle, inviter.account)
}

function expectServer(
  { fingerprint, replacesPin }: NonNullable<StartOptions['server']>,
  known: ServerRecord | undefined,
): Partial<ServerRecord> {
  if (!replacesPin) return { invitedFingerprint: fingerprint }
  const isAnother = known !== undefined && Buffer.compare(known.pinnedFingerprint, fingerprint) !== 0
  // A cursor says nothing to another server; what comes again from the beginning is known by its sequence.
  return { pinnedFingerprint: fingerprint, ...(isAnother ? { cursor: new Uint8Array() } : {}) }
}

/** A link that names the server and this account; undefined where the server's key is not pinned. */
export function inviteLink({ account, records }: Pick<Context, 'account' | 'records'>): string | undefined {
  const server = loadServer(records)
  if (!server || server.pinnedFingerprint.length === 0) return undefined
  return formatInvite({
    host: server.host,
    port: server.port,
    server: server.pinnedFingerprint,
    inviter: { handle: account.handle, account: accountFingerprint(crypto, account.account.publicKey) },
  })
}
