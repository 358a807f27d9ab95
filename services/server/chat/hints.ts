// A session tells these to its device as long as it listens: ephemeral envelopes, whose devices have changed, and that its
// key packages grow few. A slow reader loses those over the limit, since nobody is owed any of them.

import type { ChatResponse, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import type { Stock } from '../cluster.js'
import { WAITING_ACCOUNT_CHANGES, WAITING_EPHEMERAL } from '../limits.js'
import type { Suite } from '../store/store.js'
import { accountChangedFrame, deliverFrame, keyPackagesLeftFrame } from './frames.js'

const NO_CURSOR = new Uint8Array()

export class Hints {
  #ephemeral: Envelope[] = []
  readonly #changedAccounts = new Set<string>()
  /** By suite. A device has key packages of a few. */
  readonly #keyPackagesLeft = new Map<Suite, number>()

  addEphemeral(envelope: Envelope): void {
    if (this.#ephemeral.length < WAITING_EPHEMERAL) this.#ephemeral.push(envelope)
  }

  addChangedAccount(handle: string): void {
    if (this.#changedAccounts.size < WAITING_ACCOUNT_CHANGES) this.#changedAccounts.add(handle)
  }

  /** The device is told the last figure of each suite alone. */
  setKeyPackagesLeft({ suite, left }: Stock): void {
    this.#keyPackagesLeft.set(suite, left)
  }

  next(): ChatResponse | undefined {
    for (const [suite, left] of this.#keyPackagesLeft) {
      this.#keyPackagesLeft.delete(suite)
      return keyPackagesLeftFrame({ suite, left })
    }
    for (const handle of this.#changedAccounts) {
      this.#changedAccounts.delete(handle)
      return accountChangedFrame(handle)
    }
    if (this.#ephemeral.length === 0) return undefined
    const envelopes = this.#ephemeral
    this.#ephemeral = []
    return deliverFrame(envelopes, NO_CURSOR)
  }
}
