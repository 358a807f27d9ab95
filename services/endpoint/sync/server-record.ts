// The vault's record of the server that the account is on.

import type { GetServerResponse } from '../../../gen/parley/v1/chat_pb.js'
import { equalBytes } from '../../protocol/bytes.js'
import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { formatAddress } from '../../protocol/invite/address.js'
import { isSoundKey } from '../../protocol/signature.js'
import { SERVER_ID_BYTES } from '../../protocol/sizes.js'
import type { SeenCertificate } from '../../rpc/channel.js'
import { LineStopped } from '../codes/line-error.js'
import { type ServerTrust, trustServer } from '../line/server-trust.js'
import { at, type Reader, type RecordOf, recordOf, type Transaction } from '../vault/records.js'

export type ServerRecord = RecordOf<'server'>

const ONLY = at(0n)

export const loadServer = (records: Reader): ServerRecord | undefined => records.get('server', ONLY)

/** Changes some fields. */
export function saveServer(tx: Transaction, change: Omit<Partial<ServerRecord>, '$typeName'>): void {
  tx.put('server', ONLY, { ...(loadServer(tx) ?? recordOf('server', {})), ...change })
}

/** Decides on the server that answers, and pins its key at first contact. Throws LineStopped for the wrong one. */
export function trustSeen(tx: Transaction, seen: SeenCertificate): ServerTrust {
  const server = loadServer(tx)
  if (!server) throw new LineStopped({ code: 'no-server' })
  const decision = trustServer(seen, expectedServer(server))
  if (!decision.isFirst) return decision
  if (decision.trust.kind === 'authority')
    saveServer(tx, { trusted: { case: 'vouchedHost', value: server.host } })
  else {
    saveServer(tx, { trusted: { case: 'pinnedFingerprint', value: seen.fingerprint } })
    const address = formatAddress(server)
    tx.tell({ type: 'server-pinned', fingerprint: formatFingerprint(seen.fingerprint), address })
  }
  return decision
}

/** The server as this account knows it. */
export function expectedServer({ host, port, trusted, invitedFingerprint }: ServerRecord) {
  const invited = invitedFingerprint.length > 0 ? invitedFingerprint : undefined
  return { host, port, trusted, invited }
}

/** The SHA-256 of its SubjectPublicKeyInfo, where that was pinned. */
export const pinOf = ({ trusted }: Pick<ServerRecord, 'trusted'>): Uint8Array | undefined =>
  trusted.case === 'pinnedFingerprint' ? trusted.value : undefined

/** Its account is in: the invitation is used up, or was not needed. */
export function forgetInvite(tx: Transaction): void {
  if (loadServer(tx)?.inviteToken) saveServer(tx, { inviteToken: '' })
}

/**
 * The server says who its operator is; '': nobody. The first one stays: what is written to nobody else in particular goes to
 * them, and no signature is under this.
 */
export function noteOperator(tx: Transaction, told: string): void {
  const known = loadServer(tx)?.operatorHandle || told
  if (told !== '' && told !== known)
    tx.tell({ type: 'notice', level: 'warning', notice: { code: 'other-operator', known, told } })
  saveServer(tx, { operatorHandle: known })
  tx.tell({ type: 'operator', handle: told === '' ? '' : known })
}

/** A server as it tells of itself. */
export type ToldServer = Pick<GetServerResponse, 'directoryKey' | 'serverId'>

/**
 * Which server this is. `isOurs`: the account's certificate names it. Throws LineStopped for another one than the account,
 * or the invite link, is of.
 */
export function noteServer(
  tx: Transaction,
  { serverId, directoryKey, isOurs }: ToldServer & { isOurs: boolean },
): void {
  const server = loadServer(tx)
  if (!server) throw new LineStopped({ code: 'no-server' })
  const expected = server.serverId.length > 0 ? server.serverId : server.invitedId
  if (serverId.length !== SERVER_ID_BYTES || (expected.length > 0 && !equalBytes(expected, serverId)))
    throw new LineStopped({ code: 'other-server-id', address: formatAddress(server) })
  if (!isSoundKey(directoryKey)) throw new LineStopped({ code: 'unknown-answer' })
  saveServer(tx, { serverId, directoryKey: keptKey(tx, server, { directoryKey, isOurs }) })
}

/** The key of the directory from here on: the first one that was named or told, as long as the server is the same. */
function keptKey(
  tx: Transaction,
  server: ServerRecord,
  { directoryKey, isOurs }: Pick<ToldServer, 'directoryKey'> & { isOurs: boolean },
): Uint8Array {
  const isKnown = server.directoryKey.length > 0 && (isOurs || server.serverId.length > 0)
  const expected = isKnown ? server.directoryKey : server.invitedDirectoryKey
  const isAnew = !isKnown && server.directoryKey.length > 0 && !equalBytes(server.directoryKey, directoryKey)
  if (isAnew) tx.tell({ type: 'notice', level: 'warning', notice: { code: 'server-anew' } })
  if (expected.length === 0 || equalBytes(expected, directoryKey)) return directoryKey
  tx.tell({ type: 'notice', level: 'warning', notice: { code: 'other-directory-key' } })
  return expected
}
