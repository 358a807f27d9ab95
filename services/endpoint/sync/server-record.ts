// What the vault knows of the server that the account is on.

import { create } from '@bufbuild/protobuf'
import { type Server, ServerSchema } from '../../../gen/parley/vault/v1/records_pb.js'
import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { formatAddress } from '../../protocol/invite/address.js'
import type { SeenCertificate } from '../../rpc/channel.js'
import { LineStopped } from '../codes/line-error.js'
import { type ServerTrust, trustServer } from '../line/server-trust.js'
import { at, type Batch, type Reader } from '../vault/records.js'

export type ServerRecord = Server

const ONLY = at(0n)

export const loadServer = (records: Reader): ServerRecord | undefined => records.get('server', ONLY)

/** Changes some fields. */
export function saveServer(batch: Batch, change: Omit<Partial<Server>, '$typeName'>): void {
  batch.put('server', ONLY, Object.assign(batch.get('server', ONLY) ?? create(ServerSchema), change))
}

/** Decides on the server that answers, and pins its key at first contact. Throws LineStopped for the wrong one. */
export function trustSeen(tx: Batch, seen: SeenCertificate): ServerTrust {
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
