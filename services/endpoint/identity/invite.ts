// An invite link names a server and says by which keys to know it and the person who invites:
//
//   parley://HOST:PORT/?s=<server>&i=<handle>.<account>
//
// <server>: the SHA-256 of the SubjectPublicKeyInfo of the server's TLS certificate. <account>: the SHA-256 of
// the inviter's account key. Both 32 bytes in unpadded base64url. "i" may be absent; other parameters are left
// unread, so that a later version can add some.

import { type Address, formatAddress, InviteError, parseAddress } from './address.js'
import { FINGERPRINT_BYTES } from './fingerprint.js'
import { HANDLE_RULE, isHandle } from './handle.js'

export { type Address, DEFAULT_PORT, formatAddress, InviteError, parseAddress } from './address.js'

const SCHEME = 'parley://'
/** Length in characters up to which a link is read; ours have at most 400. */
const MAX_LINK_LENGTH = 1024
const LINK = /^([^/?#]*)\/?(?:\?([^#]*))?$/

export interface Inviter {
  handle: string
  /** SHA-256 (32 bytes) of the account's public key. */
  account: Uint8Array
}

export interface Invite extends Address {
  /** SHA-256 (32 bytes) of the SubjectPublicKeyInfo of the server's TLS certificate. */
  server: Uint8Array
  inviter?: Inviter
}

/** Whether the text means to be an invite link, so that parseInvite and not parseAddress is to read it. */
export function isInvite(text: string): boolean {
  return text.toLowerCase().startsWith(SCHEME)
}

/** The link for an invite. Throws InviteError for what parseInvite would not read. */
export function formatInvite(invite: Invite): string {
  const link = `${SCHEME}${formatAddress(invite)}/?s=${formatHash(invite.server)}`
  if (!invite.inviter) return link
  const { handle, account } = invite.inviter
  if (!isHandle(handle)) throw new InviteError(HANDLE_RULE)
  return `${link}&i=${handle}.${formatHash(account)}`
}

/** Reads an invite link. Throws nothing but InviteError, which says what is wrong. */
export function parseInvite(text: string): Invite {
  if (!isInvite(text)) throw new InviteError(`An invite link begins with ${SCHEME}.`)
  if (text.length > MAX_LINK_LENGTH) throw new InviteError('The invite link is too long.')
  const parts = LINK.exec(text.slice(SCHEME.length))
  if (!parts) throw new InviteError('The invite link is not of the form parley://HOST:PORT/?s=...')
  const address = parseAddress(parts[1]!)
  const parameters = new URLSearchParams(parts[2])
  const server = only(parameters, 's')
  if (server === undefined) {
    throw new InviteError("The invite link lacks the server's fingerprint (s=...). Was it cut off?")
  }
  const inviter = only(parameters, 'i')
  return {
    ...address,
    server: parseHash(server, "server's fingerprint (s=...)"),
    ...(inviter === undefined ? {} : { inviter: parseInviter(inviter) }),
  }
}

function only(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name)
  if (values.length > 1) throw new InviteError(`The invite link has "${name}=" more than once.`)
  return values[0]
}

/** The last dot divides: handles may contain dots, base64url does not. */
function parseInviter(text: string): Inviter {
  const dot = text.lastIndexOf('.')
  const handle = text.slice(0, Math.max(dot, 0))
  if (!isHandle(handle)) throw new InviteError(`The invite link has no proper handle in i=... ${HANDLE_RULE}`)
  return { handle, account: parseHash(text.slice(dot + 1), "inviter's fingerprint (i=...)") }
}

function formatHash(hash: Uint8Array): string {
  if (hash.length !== FINGERPRINT_BYTES) throw new InviteError('A fingerprint has 32 bytes.')
  return Buffer.from(hash).toString('base64url')
}

function parseHash(text: string, what: string): Uint8Array {
  const hash = Buffer.from(text, 'base64url')
  // Buffer skips what it does not know, so only a text that it would write the same way is taken.
  if (hash.length !== FINGERPRINT_BYTES || hash.toString('base64url') !== text) {
    throw new InviteError(`The ${what} in the invite link is cut off or mistyped.`)
  }
  return new Uint8Array(hash)
}
