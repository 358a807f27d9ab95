// A store that fails and waits on command, over any other.

import type { Admission, Directory, KeyPackages, Log, Store } from '../../services/server/store/store.js'

/** Lost: nothing was done. Kept: it was done, and only its answer is lost. */
export type Half = 'lost' | 'kept'

type Operation =
  | keyof Directory
  | keyof Admission
  | Exclude<keyof KeyPackages, 'expire'>
  | Exclude<keyof Log, 'watch'>

interface Gate {
  begun: PromiseWithResolvers<void>
  open: PromiseWithResolvers<void>
}

export class FaultyStore implements Store {
  readonly #store: Store
  readonly #failures = new Map<Operation, { half: Half; error: Error }>()
  readonly #gates = new Map<Operation, Gate>()
  readonly #calls = new Map<Operation, number>()

  constructor(store: Store) {
    this.#store = store
  }

  get serverId(): Uint8Array {
    return this.#store.serverId
  }

  get directoryKey(): Uint8Array {
    return this.#store.directoryKey
  }

  /** The next call fails so, with the error that this returns. */
  failNext(operation: Operation, half: Half, error = new Error(`${operation}: ${half}`)): Error {
    this.#failures.set(operation, { half, error })
    return error
  }

  /** All calls wait from here on. `begun` resolves with the first one; `release` lets them go on. */
  hold(operation: Operation): { begun: Promise<void>; release(): void } {
    const gate = { begun: Promise.withResolvers<void>(), open: Promise.withResolvers<void>() }
    this.#gates.set(operation, gate)
    return {
      begun: gate.begun.promise,
      release: () => {
        this.#gates.delete(operation)
        gate.open.resolve()
      },
    }
  }

  /** How often it was called so far. */
  calls(operation: Operation): number {
    return this.#calls.get(operation) ?? 0
  }

  readonly directory: Directory = {
    change: (change, terms) => this.#through('change', on => on.directory.change(change, terms)),
    account: handle => this.#through('account', on => on.directory.account(handle)),
    accountOf: key => this.#through('accountOf', on => on.directory.accountOf(key)),
    device: id => this.#through('device', on => on.directory.device(id)),
    devices: handle => this.#through('devices', on => on.directory.devices(handle)),
    spendNonce: (id, nonce, until) =>
      this.#through('spendNonce', on => on.directory.spendNonce(id, nonce, until)),
  }

  readonly keyPackages: KeyPackages = {
    publish: (id, packages) => this.#through('publish', on => on.keyPackages.publish(id, packages)),
    count: (id, suite) => this.#through('count', on => on.keyPackages.count(id, suite)),
    claim: (handle, terms) => this.#through('claim', on => on.keyPackages.claim(handle, terms)),
    expire: publishedBefore => this.#store.keyPackages.expire(publishedBefore),
  }

  readonly admission: Admission = {
    addInvite: (hash, until) => this.#through('addInvite', on => on.admission.addInvite(hash, until)),
    ban: subject => this.#through('ban', on => on.admission.ban(subject)),
    unban: subject => this.#through('unban', on => on.admission.unban(subject)),
    bans: () => this.#through('bans', on => on.admission.bans()),
  }

  readonly log: Log = {
    append: (device, sends) => this.#through('append', on => on.log.append(device, sends)),
    clientSequence: device => this.#through('clientSequence', on => on.log.clientSequence(device)),
    read: request => this.#through('read', on => on.log.read(request)),
    acknowledge: (device, place) => this.#through('acknowledge', on => on.log.acknowledge(device, place)),
    roster: id => this.#through('roster', on => on.log.roster(id)),
    conversations: device => this.#through('conversations', on => on.log.conversations(device)),
    watch: (device, wake) => this.#store.log.watch(device, wake),
    expire: storedBefore => this.#through('expire', on => on.log.expire(storedBefore)),
  }

  get cursorKey(): Uint8Array {
    return this.#store.cursorKey
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  async #through<T>(operation: Operation, call: (on: Store) => Promise<T>): Promise<T> {
    this.#calls.set(operation, this.calls(operation) + 1)
    const gate = this.#gates.get(operation)
    gate?.begun.resolve()
    await gate?.open.promise
    const failure = this.#failures.get(operation)
    this.#failures.delete(operation)
    if (failure?.half === 'lost') throw failure.error
    const answer = await call(this.#store)
    if (failure) throw failure.error
    return answer
  }
}
