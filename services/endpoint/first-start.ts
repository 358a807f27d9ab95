// How an endpoint begins: what a person gave at a start, noted in the vault.

import { parseVerifiedCertificate } from '../protocol/identity/certificate.js'
import { accountFingerprint } from '../protocol/identity/fingerprint.js'
import { isHandle } from '../protocol/identity/handle.js'
import type { Address } from '../protocol/invite/address.js'
import { formatInvite, type Inviter } from '../protocol/invite/invite-link.js'
import { sameKey } from '../protocol/keys.js'
import { Refusal } from './codes/refusal.js'
import {
  changeKeyState,
  forgetKey,
  keyState,
  keysOfSeed,
  makeAccount,
  restoreAccount,
  saveAccount,
} from './contacts/account.js'
import type { Context } from './context.js'
import { crypto } from './crypto.js'
import { loadServer, pinOf, type ServerRecord, saveServer } from './sync/server-record.js'
import type { Transaction } from './vault/records.js'

/** How to begin where the vault is new; what an older vault has stays unless it is named here. */
export interface StartOptions {
  handle?: string
  /**
   * The account's seed (32 bytes, from its recovery phrase): this becomes a further device of it, or, where it is one,
   * takes the account back. Secret.
   */
  seed?: Uint8Array
  /** With a seed: the line stops before a list is signed, for the person to see which devices there are (`join`). */
  asksBeforeJoining?: boolean
  /** Keeps the words of a new account until the person has confirmed to have them (`confirmWords`). */
  keepsWords?: boolean
  address?: Address
  /**
   * SHA-256 of the server's SubjectPublicKeyInfo: from an invite link, or a changed one that a person accepts; or that
   * a person accepts whom an authority vouches for under the server's name, from here on.
   */
  server?: { fingerprint: Uint8Array; replacesPin: boolean } | 'authority'
  /** The server's id (16 bytes), from an invite link. */
  serverId?: Uint8Array
  /** The key of the server's directory (32 bytes), from an invite link. */
  directoryKey?: Uint8Array
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
  const { handle, seed, address, server, serverId, inviter, inviteToken } = start
  if (!context.account) {
    if (handle === undefined) throw new RangeError('a new vault needs a handle')
    if (!isHandle(handle)) throw new Refusal({ code: 'bad-handle', handle })
    const now = context.clock.now()
    const account = seed ? restoreAccount({ handle, seed, issuedAt: now }) : makeAccount(handle, now)
    saveAccount(tx, account, now)
    const keepsWords = seed === undefined && start.keepsWords === true
    changeKeyState(tx, {
      ...{ accountSeed: account.account.privateKey, keepsWords },
      isJoining: seed !== undefined,
    })
    const { deviceKey, issuedAt } = parseVerifiedCertificate(account.certificate)
    context.devices.change(tx, deviceKey, { issuedAtMs: BigInt(issuedAt) })
  } else if (seed) {
    if (!sameKey(keysOfSeed(seed).publicKey, context.account.account.publicKey))
      throw new Refusal({ code: 'other-words' })
    changeKeyState(tx, { accountSeed: seed.slice(), isJoining: true })
    // It may have been set up anew.
    if (loadServer(tx)) saveServer(tx, { serverId: new Uint8Array(), operatorHandle: '' })
  } else if (keyState(tx).isJoining && (isListed(context) || keyState(tx).pendingList.length === 0))
    // Nobody agrees any more to what the words were given for: they do not stay.
    forgetKey(tx)
  if (seed)
    tx.after(() => {
      context.session.joins = start.asksBeforeJoining ? 'when-confirmed' : 'at-once'
    })
  const known = loadServer(tx)
  const target = address ?? known
  if (!target) throw new RangeError('a new vault needs the address of a server')
  const { host, port } = target
  saveServer(tx, { host, port, ...(server ? expectServer(server, { host, known }) : {}) })
  if (serverId && !known?.serverId.length)
    saveServer(tx, { invitedId: serverId, invitedDirectoryKey: start.directoryKey ?? new Uint8Array() })
  // A device that has been let in needs none any more.
  if (inviteToken && !known?.cursor.length) saveServer(tx, { inviteToken })
  if (inviter && inviter.handle !== context.account.handle)
    context.contacts.handles.expect(tx, inviter.handle, inviter.account)
}

/** A device that was on a list is one also where nobody agreed to another, and whatever a server says later. */
export function isListed({ account, devices }: Pick<Context, 'account' | 'devices'>): boolean {
  const { place = 0, isEnded = false } = devices.get(account.device.publicKey) ?? {}
  return place > 0 || isEnded
}

// A cursor says nothing to another server; what comes again from the beginning is known by its sequence,
// group by group.
function expectServer(
  server: NonNullable<StartOptions['server']>,
  { host, known }: { host: string; known: ServerRecord | undefined },
): Omit<Partial<ServerRecord>, '$typeName'> {
  const anew = { cursor: new Uint8Array() }
  if (server === 'authority') return { trusted: { case: 'vouchedHost', value: host }, ...anew }
  const { fingerprint, replacesPin } = server
  if (!replacesPin) return { invitedFingerprint: fingerprint }
  const pinned = known && pinOf(known)
  const isAnother = known !== undefined && (!pinned || Buffer.compare(pinned, fingerprint) !== 0)
  return { trusted: { case: 'pinnedFingerprint', value: fingerprint }, ...(isAnother ? anew : {}) }
}

/** A link that names the server and this account; undefined where the server's key is not pinned. */
export function inviteLink({ account, records }: Pick<Context, 'account' | 'records'>): string | undefined {
  const server = loadServer(records)
  const pinned = server && pinOf(server)
  if (!pinned) return undefined
  return formatInvite({
    host: server.host,
    port: server.port,
    server: pinned,
    ...(server.serverId.length > 0 ? { serverId: server.serverId } : {}),
    ...(server.directoryKey.length > 0 ? { directoryKey: server.directoryKey } : {}),
    inviter: { handle: account.handle, account: accountFingerprint(crypto, account.account.publicKey) },
  })
}
