// The vault's record of the server that the account is on.

import type { RegistrationRefused } from '../../../gen/parley/v1/key_exchange_pb.js'
import { certifiedDevices } from '../../protocol/identity/certificate.js'
import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { formatAddress } from '../../protocol/invite/address.js'
import type { SeenCertificate } from '../../rpc/channel.js'
import { LineStopped } from '../codes/line-error.js'
import type { Context } from '../context.js'
import { crypto } from '../crypto.js'
import { isOwn } from '../groups/membership.js'
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

/** Which devices an account at its limit has: one of them can be revoked for this one. */
export function noteRefusal(
  context: Pick<Context, 'account' | 'devices'>,
  tx: Transaction,
  { reason }: RegistrationRefused,
): void {
  if (reason.case !== 'tooManyDevices') return
  const listed = certifiedDevices(crypto, reason.value.deviceCertificates)
  const own = listed.filter(device => isOwn(context, device))
  for (const { deviceKey, issuedAt } of own)
    context.devices.change(tx, deviceKey, { issuedAtMs: BigInt(issuedAt) })
}
