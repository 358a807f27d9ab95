import { bytesKey } from '../../bytes.js'
import type { Admission, Ban, BanSubject } from '../store.js'
import type { MemoryParts } from './parts.js'

export class MemoryAdmission implements Admission {
  readonly #parts: MemoryParts

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  async addInvite(hash: Uint8Array, until: number): Promise<void> {
    const { tables, now } = this.#parts
    for (const [key, over] of tables.invites) if (over <= now()) tables.invites.delete(key)
    tables.invites.set(bytesKey(hash), until)
  }

  async ban(subject: BanSubject): Promise<void> {
    const { tables, now } = this.#parts
    tables.addBan({ ...subject, bannedAt: now() })
  }

  async unban(subject: BanSubject): Promise<boolean> {
    return this.#parts.tables.removeBan(subject)
  }

  async bans(): Promise<Ban[]> {
    return this.#parts.tables.bans()
  }
}
