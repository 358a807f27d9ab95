// The key packages of this device: single-use ones at the server for those who open a conversation with it, and one
// of last resort for when they run out. The private halves are saved before the public ones are published.

import type { KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { DAY_MS } from '../../../protocol/time.js'
import type { Context, RunTransaction, Unit } from '../../context.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { at, nextId, type Reader } from '../../vault/records.js'

/** One-time key packages kept at the server, unless another number is wanted. */
const KEY_STOCK = 50
/** The last-resort key package is replaced when it has this long to go of its 30 days: so weekly. */
const LAST_RESORT_LEFT_MS = 23 * DAY_MS

interface KeyStockOptions {
  /** The saved state. */
  context: Pick<Context, 'records'>
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  /** One-time key packages that are kept at the server. */
  size?: number
}

type Held = Pick<KeyExchanged, 'keyPackagesLeft' | 'hasLastResort'>

interface Publication {
  keyPackages: Uint8Array[]
  lastResortKeyPackage: Uint8Array
}

export class KeyStock {
  readonly #size: number
  #isRefilling = false
  /** Below this more are made. */
  readonly low: number

  constructor(private readonly options: KeyStockOptions) {
    this.#size = options.size ?? KEY_STOCK
    this.low = Math.ceil(this.#size / 2)
  }

  /** Publishes what the server lacks, given what it holds; returns how many. Throws VaultError, RpcError and LineStopped. */
  async fill(held: Held): Promise<number> {
    const publication = await this.options.transaction(unit => this.#make(unit, held))
    if (!publication) return 0
    await this.options.exchange(publication)
    return publication.keyPackages.length + (publication.lastResortKeyPackage.length > 0 ? 1 : 0)
  }

  /** Asks the server what it holds, where few are left here: every welcome uses one up. Throws as `fill` does. */
  async check(): Promise<void> {
    const { context, exchange } = this.options
    if (context.records.keys('keypackages').length < this.low) await this.fill(await exchange({}))
  }

  /** The server has so many one-time ones left: publishes more where that is few. Throws as `fill` does. */
  async drawn(left: number): Promise<void> {
    // A call that is under way brings more than were drawn since it began, mostly; the next hint comes with the next draw.
    if (left >= this.low || this.#isRefilling) return
    this.#isRefilling = true
    try {
      await this.fill({ keyPackagesLeft: left, hasLastResort: true })
    } finally {
      this.#isRefilling = false
    }
  }

  /** Makes and saves what is to be published; undefined: nothing is. */
  async #make(unit: Unit, held: Held): Promise<Publication | undefined> {
    const { context, tx } = unit
    const now = context.clock.now()
    const wanted = held.keyPackagesLeft < this.low ? this.#size - held.keyPackagesLeft : 0
    const replacesLastResort = !held.hasLastResort || !hasFreshLastResort(tx, now)
    if (wanted === 0 && !replacesLastResort) return undefined
    const keyPackages: Uint8Array[] = []
    for (let made = 0; made < wanted; made++) keyPackages.push(await makeOne(unit, { lastResort: false }))
    const lastResortKeyPackage = replacesLastResort
      ? await makeOne(unit, { lastResort: true })
      : new Uint8Array()
    // After the new ones are made, so that none of them gets the number of one that goes.
    for (const { key, record } of tx.list('keypackages'))
      if (Number(record.notAfterMs) < now) tx.delete('keypackages', key)
    return { keyPackages, lastResortKeyPackage }
  }
}

/** Saves a new pair; returns its public half. */
async function makeOne({ context, tx }: Unit, { lastResort }: { lastResort: boolean }): Promise<Uint8Array> {
  const { account, engine } = context
  const { publicKey, privateKey } = account.device
  const { publicPackage, privatePackage, notAfter } = await engine.newKeyPackage({
    identity: account.certificate,
    signatureKey: privateKey,
    publicKey,
    lastResort,
  })
  const notAfterMs = BigInt(notAfter)
  const id = nextId(tx, 'keypackages')
  tx.put('keypackages', at(id), { publicPackage, privatePackage, lastResort, notAfterMs })
  return publicPackage
}

const hasFreshLastResort = (records: Reader, now: number): boolean =>
  records
    .list('keypackages')
    .some(({ record }) => record.lastResort && Number(record.notAfterMs) - now > LAST_RESORT_LEFT_MS)
