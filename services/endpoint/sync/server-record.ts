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
  const address = formatAddress(server)
  const some = (bytes: Uint8Array) => (bytes.length > 0 ? bytes : undefined)
  const decision = trustServer(seen, {
    address,
    pinned: some(server.pinnedFingerprint),
    invited: some(server.invitedFingerprint),
  })
  if (decision.pin) {
    saveServer(tx, { pinnedFingerprint: seen.fingerprint })
    tx.tell({ type: 'server-pinned', fingerprint: formatFingerprint(seen.fingerprint), address })
  }
  return decision
}

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
