// All that anybody can have this server do is bounded here: strangers by their addresses, others by their accounts. The
// relay asks before it does something that costs, and the guard says yes, or how long to wait, and keeps count of who
// was held back.

import { formatFingerprint } from '../../protocol/identity/fingerprint.js'
import { nodeCrypto } from '../../protocol/node/crypto.js'
import { HOUR_MS, MINUTE_MS } from '../../protocol/time.js'
import { bytesKey } from '../bytes.js'
import type { DeviceId } from '../store/store.js'
import { type AbuseKind, AbuseLog, type AbuseLogOptions } from './abuse-log.js'
import { addressSubject } from './address.js'
import { Allowance } from './allowance.js'
import { GUARD_LIMITS, type GuardLimits } from './guard-limits.js'

interface GuardOptions extends AbuseLogOptions {
  /** Milliseconds, never going back. Default: the system's. */
  ticks?: (() => number) | undefined
  /** Those left out are the server's. */
  limits?: Partial<GuardLimits> | undefined
}

/** An account's public key. */
type AccountKey = Uint8Array

/** Two subjects in one. */
const both = (one: string, other: string) => `${one} ${other}`

export class Guard {
  readonly abuse: AbuseLog
  readonly #limits: GuardLimits
  readonly #connected = new Map<string, number>()
  readonly #connections: Allowance
  readonly #calls: Allowance
  readonly #registrations: Allowance
  readonly #lookups: Allowance
  readonly #claims: Allowance
  readonly #claimsOfOne: Allowance
  readonly #claimsOfAll: Allowance
  readonly #conversations: Allowance

  constructor({ limits, ticks: now, ...options }: GuardOptions) {
    this.abuse = new AbuseLog(options)
    this.#limits = { ...GUARD_LIMITS, ...limits }
    const per = (periodMs: number) => (amount: number) =>
      new Allowance({ amount, periodMs, ...(now && { now }) })
    const perMinute = per(MINUTE_MS)
    const perHour = per(HOUR_MS)
    this.#connections = perMinute(this.#limits.connectionsPerMinute)
    this.#calls = perMinute(this.#limits.callsPerMinute)
    this.#registrations = perHour(this.#limits.registrationsPerHour)
    this.#lookups = perMinute(this.#limits.lookupsPerMinute)
    this.#claims = perHour(this.#limits.claimsPerHour)
    this.#claimsOfOne = perHour(this.#limits.claimsOfOnePerHour)
    this.#claimsOfAll = perHour(this.#limits.claimsOfAllPerHour)
    this.#conversations = perHour(this.#limits.conversationsPerHour)
  }

  /** A connection begins. Returns how to say that it has ended; undefined: it is not to be. */
  connection(address: string): (() => void) | undefined {
    const subject = addressSubject(address)
    const open = this.#connected.get(subject) ?? 0
    if (open >= this.#limits.connectionsPerAddress || this.#connections.take(subject) > 0) {
      this.abuse.note('connections', { address: subject })
      return undefined
    }
    this.#connected.set(subject, open + 1)
    return () => {
      const left = (this.#connected.get(subject) ?? 1) - 1
      if (left > 0) this.#connected.set(subject, left)
      else this.#connected.delete(subject)
    }
  }

  /** A call begins. Here and below: returns how many milliseconds to wait; 0: it may be. */
  call(address: string): number {
    return this.#byAddress(this.#calls, 'calls', address)
  }

  /** A call was ended because it said nothing. */
  silentCall(address: string): void {
    this.abuse.note('silent-calls', { address: addressSubject(address) })
  }

  /** A device that is not known wants to be registered, whatever becomes of it: so nobody guesses at invites, either. */
  registration(address: string): number {
    return this.#byAddress(this.#registrations, 'registrations', address)
  }

  lookups(account: AccountKey, count: number): number {
    return this.#byAccount(this.#lookups, 'lookups', { account, count })
  }

  claims(account: AccountKey, count: number): number {
    return this.#byAccount(this.#claims, 'claims', { account, count })
  }

  /** An account claims another, whose name is `target`: whether it gets key packages of which each is used once. */
  givesOneTime(account: AccountKey, target: string): boolean {
    const free =
      this.#claimsOfOne.take(both(bytesKey(account), target)) === 0 && this.#claimsOfAll.take(target) === 0
    if (!free) this.abuse.note('claims-of-one', accountSubject(account))
    return free
  }

  conversation(account: AccountKey): number {
    return this.#byAccount(this.#conversations, 'conversations', { account, count: 1 })
  }

  /** Sends of a device were too fast, or its account has its part of the store. */
  refusedSends(kind: 'sends' | 'storage', device: DeviceId, count: number): void {
    this.abuse.note(kind, { device: fingerprintOf(device) }, count)
  }

  /** To be called regularly. */
  sweep(): void {
    this.abuse.sweep()
    for (const allowance of [
      this.#connections,
      this.#calls,
      this.#registrations,
      this.#lookups,
      this.#claims,
      this.#claimsOfOne,
      this.#claimsOfAll,
      this.#conversations,
    ])
      allowance.sweep()
  }

  #byAddress(allowance: Allowance, kind: AbuseKind, address: string): number {
    const subject = addressSubject(address)
    const wait = allowance.take(subject)
    if (wait > 0) this.abuse.note(kind, { address: subject })
    return wait
  }

  #byAccount(
    allowance: Allowance,
    kind: AbuseKind,
    { account, count }: { account: AccountKey; count: number },
  ): number {
    const wait = allowance.take(bytesKey(account), count)
    if (wait > 0) this.abuse.note(kind, accountSubject(account), count)
    return wait
  }
}

/** Of a public key. */
const fingerprintOf = (key: Uint8Array) => formatFingerprint(nodeCrypto.sha256(key))

const accountSubject = (account: AccountKey) => ({ account: fingerprintOf(account) })
