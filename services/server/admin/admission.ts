// The operator's own process decides here about who comes in. No call can reach any of it.

import { newInviteToken } from '../../protocol/invite/invite-link.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import { hashInvite } from '../auth/invite-hash.js'
import type { Cluster } from '../cluster.js'
import { INVITE_MS } from '../limits.js'
import type { Ban, BanSubject, Store } from '../store/store.js'

export interface RelayAdmission {
  /**
   * Makes a token that lets one new account in within INVITE_MS. It is told only here: the store keeps a hash.
   */
  createInvite(): Promise<string>
  /**
   * Ends the streams of the account or device, refuses its proofs, and registers nobody under its handle.
   * Resolves when that is durable; its messages that are stored stay, and wait for it.
   */
  ban(subject: BanSubject): Promise<void>
  /** False: it was not banned. */
  unban(subject: BanSubject): Promise<boolean>
  bans(): Promise<Ban[]>
}

/** Its promises reject with StorageFullError when there is no room to write. */
export function createRelayAdmission(
  { admission, directory }: Pick<Store, 'admission' | 'directory'>,
  cluster: Pick<Cluster, 'closeSession'>,
): RelayAdmission {
  return {
    async createInvite() {
      const token = newInviteToken(nodeCrypto)
      await admission.addInvite(hashInvite(token), Date.now() + INVITE_MS)
      return token
    },
    async ban(subject) {
      await admission.ban(subject)
      const devices = 'handle' in subject ? ((await directory.devices(subject.handle)) ?? []) : [subject]
      for (const { deviceId } of devices) cluster.closeSession(deviceId, 'banned')
    },
    unban: subject => admission.unban(subject),
    bans: () => admission.bans(),
  }
}
