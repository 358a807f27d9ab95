// A session tells these to its device as long as it listens: ephemeral envelopes, whose devices have changed, and that its
// key packages grow few. A
// slow reader loses those over the limit, since nobody is owed any of them.

import type { ChatResponse, Envelope } from '../../../gen/parley/v1/chat_pb.js'
import { WAITING_ACCOUNT_CHANGES, WAITING_EPHEMERAL } from '../limits.js'
import { accountChangedFrame, deliverFrame, keyPackagesLeftFrame } from './frames.js'

const NO_CURSOR = new Uint8Array()

export class Hints {
  #ephemeral: Envelope[] = []
  readonly #changedAccounts = new Set<string>()
  #keyPackagesLeft: number | undefined

  addEphemeral(envelope: Envelope): void {
    if (this.#ephemeral.length < WAITING_EPHEMERAL) this.#ephemeral.push(envelope)
  }

  addChangedAccount(handle: string): void {
    if (this.#changedAccounts.size < WAITING_ACCOUNT_CHANGES) this.#changedAccounts.add(handle)
  }

  /** Of several only the last is told. */
  setKeyPackagesLeft(left: number): void {
    this.#keyPackagesLeft = left
  }

  next(): ChatResponse | undefined {
    const left = this.#keyPackagesLeft
    if (left !== undefined) {
      this.#keyPackagesLeft = undefined
      return keyPackagesLeftFrame(left)
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
