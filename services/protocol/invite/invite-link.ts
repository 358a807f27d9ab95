// An invite link names a server and says by which keys to know it and the person who invites:
//
//   parley://HOST:PORT/?s=<server>&n=<id>&d=<directory>&i=<handle>.<account>&t=<token>
//
// <server>: the SHA-256 of the SubjectPublicKeyInfo of the server's TLS certificate. <account>: the SHA-256 of
// the inviter's account key. Both 32 bytes in unpadded base64url. <id>: the server's id, 16 bytes likewise.
// <directory>: the public key that signs what the server's directory says, 32 bytes likewise. <token>: what lets one
// new account in where the server asks for it, 16 bytes likewise; a link that has one is a secret until it is used.
// "n", "d", "i" and "t" may be absent; other parameters are left unread, so that a later version can add some.

import { fromBase64url, toBase64url } from '../bytes.js'
import type { CryptoProvider } from '../crypto.js'
import { isHandle } from '../identity/handle.js'
import { isSoundKey } from '../signature.js'
import { FINGERPRINT_BYTES, INVITE_TOKEN_BYTES, KEY_BYTES, SERVER_ID_BYTES } from '../sizes.js'
import { type Address, formatAddress, InviteError, parseAddress } from './address.js'

const SCHEME = 'parley://'
/** Length in characters up to which a link is read; ours have at most 480. */
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
  /** The server's id: 16 bytes. */
  serverId?: Uint8Array
  /** The public key of the server's directory: 32 bytes. */
  directoryKey?: Uint8Array
  inviter?: Inviter
  /** KeyExchangeParts.invite_token: 16 bytes in unpadded base64url. Secret until it is used. */
  token?: string
}

/** Whether the text means to be an invite link, so that parseInvite and not parseAddress is to read it. */
export function isInvite(text: string): boolean {
  return text.trimStart().toLowerCase().startsWith(SCHEME)
}

/** A new random token that lets one new account in: 22 characters. */
export function newInviteToken(crypto: CryptoProvider): string {
  return toBase64url(crypto.randomBytes(INVITE_TOKEN_BYTES))
}

/** The link for an invite. Throws InviteError for what parseInvite would not read. */
export function formatInvite(invite: Invite): string {
  const { server, serverId, directoryKey, inviter, token } = invite
  const link = `${SCHEME}${formatAddress(invite)}/?s=${formatHash(server, 'bad-server-key')}`
  const id = serverId === undefined ? '' : `&n=${formatServerId(serverId)}`
  const directory = directoryKey === undefined ? '' : `&d=${formatDirectoryKey(directoryKey)}`
  const by = inviter === undefined ? '' : `&i=${formatInviter(inviter)}`
  return `${link}${id}${directory}${by}${token === undefined ? '' : `&t=${checkToken(token)}`}`
}

/** Reads an invite link. Throws nothing but InviteError. */
export function parseInvite(given: string): Invite {
  // A link that was wrapped on its way, or by a narrow terminal, is the same link.
  const text = given.slice(0, 2 * MAX_LINK_LENGTH).replace(/\s/g, '')
  if (!isInvite(text)) throw new InviteError({ code: 'not-a-link', scheme: SCHEME })
  if (text.length > MAX_LINK_LENGTH) throw new InviteError({ code: 'link-too-long' })
  const parts = LINK.exec(text.slice(SCHEME.length))
  if (!parts) throw new InviteError({ code: 'bad-link' })
  const address = parseAddress(parts[1]!)
  const parameters = new URLSearchParams(parts[2])
  const server = only(parameters, 's')
  if (server === undefined) throw new InviteError({ code: 'no-server-key' })
  const serverId = only(parameters, 'n')
  const directoryKey = only(parameters, 'd')
  const inviter = only(parameters, 'i')
  const token = only(parameters, 't')
  return {
    ...address,
    server: parseHash(server, 'bad-server-key'),
    ...(serverId === undefined ? {} : { serverId: parseServerId(serverId) }),
    ...(directoryKey === undefined ? {} : { directoryKey: parseDirectoryKey(directoryKey) }),
    ...(inviter === undefined ? {} : { inviter: parseInviter(inviter) }),
    ...(token === undefined ? {} : { token: checkToken(token) }),
  }
}

function only(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name)
  if (values.length > 1) throw new InviteError({ code: 'repeated', parameter: name })
  return values[0]
}

/** The last dot divides: handles may contain dots, base64url does not. */
function parseInviter(text: string): Inviter {
  const dot = text.lastIndexOf('.')
  const handle = text.slice(0, Math.max(dot, 0))
  if (!isHandle(handle)) throw new InviteError({ code: 'bad-inviter' })
  return { handle, account: parseHash(text.slice(dot + 1), 'bad-inviter-key') }
}

function formatInviter({ handle, account }: Inviter): string {
  if (!isHandle(handle)) throw new InviteError({ code: 'bad-inviter' })
  return `${handle}.${formatHash(account, 'bad-inviter-key')}`
}

function checkToken(text: string): string {
  if (decodeExactly(text, INVITE_TOKEN_BYTES)) return text
  throw new InviteError({ code: 'bad-token' })
}

type KeyCode = 'bad-server-key' | 'bad-inviter-key'

function formatHash(hash: Uint8Array, code: KeyCode): string {
  if (hash.length !== FINGERPRINT_BYTES) throw new InviteError({ code })
  return toBase64url(hash)
}

function parseHash(text: string, code: KeyCode): Uint8Array {
  const hash = decodeExactly(text, FINGERPRINT_BYTES)
  if (!hash) throw new InviteError({ code })
  return hash
}

function formatServerId(id: Uint8Array): string {
  if (id.length !== SERVER_ID_BYTES) throw new InviteError({ code: 'bad-server-key' })
  return toBase64url(id)
}

function parseServerId(text: string): Uint8Array {
  const id = decodeExactly(text, SERVER_ID_BYTES)
  if (!id) throw new InviteError({ code: 'bad-server-key' })
  return id
}

function formatDirectoryKey(key: Uint8Array): string {
  if (!isSoundKey(key)) throw new InviteError({ code: 'bad-server-key' })
  return toBase64url(key)
}

function parseDirectoryKey(text: string): Uint8Array {
  const key = decodeExactly(text, KEY_BYTES)
  if (!key || !isSoundKey(key)) throw new InviteError({ code: 'bad-server-key' })
  return key
}

function decodeExactly(text: string, length: number): Uint8Array | undefined {
  const bytes = fromBase64url(text)
  return bytes?.length === length ? bytes : undefined
}
