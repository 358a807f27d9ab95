// The key packages of this device: single-use ones at the server for those who open a conversation with it, and one
// of last resort for when they run out. The private halves are saved before the public ones are published. All at the
// server name the newest device list of this account: with another list all are replaced. The private halves of those
// before stay until they expire, for welcomes that are on their way.

import type { KeyExchanged } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { equalBytes } from '../../../protocol/bytes.js'
import { DAY_MS } from '../../../protocol/time.js'
import type { Context, RunTransaction, Unit } from '../../context.js'
import type { KeyExchangeParts } from '../../line/connection.js'
import { at, nextId, type RecordOf, recordOf, type Transaction } from '../../vault/records.js'

/** One-time key packages kept at the server, unless another number is wanted. */
const KEY_STOCK = 50
/**
 * Private halves of one-time ones that are kept at most: each welcome is tried with all of them, and a server can have any
 * number made. The server hands the oldest out first, so those that go were handed out long before, to nobody who wrote.
 */
const HELD_MOST = 2_000
/** The last-resort key package is replaced when it has this long to go of its 30 days: so weekly. */
const LAST_RESORT_LEFT_MS = 23 * DAY_MS

interface KeyStockOptions {
  /** The saved state. */
  context: Pick<Context, 'account' | 'lists' | 'records'>
  transaction: RunTransaction
  /** Throws RpcError or LineStopped. */
  exchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  /** One-time key packages that are kept at the server. */
  size?: number
  /** HELD_MOST unless given. */
  most?: number
}

type Held = Pick<KeyExchanged, 'keyPackagesLeft' | 'hasLastResort'>
type KeyPackageRecord = RecordOf<'keypackages'>

interface Publication {
  keyPackages: Uint8Array[]
  lastResortKeyPackage: Uint8Array
  replacesKeyPackages: boolean
}

/** A publication, and what the leaves in it say. */
interface Made {
  publication: Publication
  leafData: Uint8Array
}

export class KeyStock {
  readonly #size: number
  #isRefilling = false
  #publishing: Promise<unknown> = Promise.resolve()
  /** Below this more are made. */
  readonly low: number

  constructor(private readonly options: KeyStockOptions) {
    this.#size = options.size ?? KEY_STOCK
    this.low = Math.ceil(this.#size / 2)
  }

  /**
   * Publishes what the server lacks, given what it holds; returns how many. Nothing is published as long as no list of
   * this account is known. Throws VaultError, RpcError and LineStopped.
   */
  fill(held: Held): Promise<number> {
    // One after the other, so that none that was made for an older list comes after those for a newer one.
    const published = this.#publishing.then(() => this.#publish(held))
    this.#publishing = published.catch(() => undefined)
    return published
  }

  async #publish(held: Held): Promise<number> {
    const { exchange, transaction } = this.options
    const made = await transaction(unit => this.#make(unit, held))
    if (!made) return 0
    const { publication, leafData: publishedLeafData } = made
    await exchange(publication)
    await transaction(({ tx }) => notePublished(tx, publishedLeafData))
    return publication.keyPackages.length + (publication.lastResortKeyPackage.length > 0 ? 1 : 0)
  }

  /** Asks the server what it holds, where few are left here: every welcome uses one up. Throws as `fill` does. */
  async check(): Promise<void> {
    if (this.held().length < this.low) await this.fill(await this.options.exchange({}))
  }

  /** The server has so many one-time ones left: publishes more where that is few. Throws as `fill` does. */
  async drawn(left: number): Promise<void> {
    // A call that is under way brings more than were drawn since it began, mostly; the next hint comes with the next draw.
    if (left < this.low) await this.#refill(left)
  }

  /** Replaces those at the server, where they name another list than the newest. Throws as `fill` does. */
  async renew(): Promise<void> {
    if (this.#isOutdated()) await this.#refill(this.#size)
  }

  /** Those of here that name the newest list of this account. */
  held(): KeyPackageRecord[] {
    const { context } = this.options
    const leafData = leafDataOf(context)
    return context.records
      .list('keypackages')
      .flatMap(({ record }) => (leafData && equalBytes(record.leafData, leafData) ? [record] : []))
  }

  async #refill(keyPackagesLeft: number): Promise<void> {
    if (this.#isRefilling) return
    this.#isRefilling = true
    try {
      await this.fill({ keyPackagesLeft, hasLastResort: true })
    } finally {
      this.#isRefilling = false
    }
  }

  /** Those that were published name another list. */
  #isOutdated(): boolean {
    const { context } = this.options
    const leafData = leafDataOf(context)
    return leafData !== undefined && !isPublished(context, leafData)
  }

  /** Makes and saves what is to be published; undefined: nothing is. */
  async #make(unit: Unit, held: Held): Promise<Made | undefined> {
    const { context, tx } = unit
    const leafData = leafDataOf(context)
    if (!leafData) return undefined
    const now = context.clock.now()
    const replaces = !isPublished(context, leafData)
    // An answer that was lost leaves the new ones here; they may be at the server.
    const ours = tx.list('keypackages').flatMap(({ record }) => (names(record, leafData) ? [record] : []))
    const again = replaces ? ours.filter(({ lastResort }) => !lastResort) : []
    const left = replaces ? again.length : held.keyPackagesLeft
    const wanted = left < this.low ? this.#size - left : 0
    const fresh = ours.find(record => isFreshLastResort(record, now))
    const lacksLastResort = replaces || !held.hasLastResort || !fresh
    if (wanted === 0 && !lacksLastResort) return undefined
    const keyPackages = again.map(({ publicPackage }) => publicPackage)
    for (let made = 0; made < wanted; made++)
      keyPackages.push(await makeOne(unit, { leafData, lastResort: false }))
    const lastResortKeyPackage = lacksLastResort
      ? (fresh?.publicPackage ?? (await makeOne(unit, { leafData, lastResort: true })))
      : new Uint8Array()
    forgetExpired(tx, now)
    forgetOldest(tx, Math.max(this.options.most ?? HELD_MOST, 2 * this.#size))
    return { publication: { keyPackages, lastResortKeyPackage, replacesKeyPackages: replaces }, leafData }
  }
}

/** After new ones are made, so that none of them gets the number of one that goes. */
function forgetExpired(tx: Transaction, now: number): void {
  for (const { key, record } of tx.list('keypackages'))
    if (Number(record.notAfterMs) < now) tx.delete('keypackages', key)
}

function forgetOldest(tx: Transaction, most: number): void {
  const oneTime = tx.list('keypackages').filter(({ record }) => !record.lastResort)
  for (const { key } of oneTime.slice(0, Math.max(0, oneTime.length - most))) tx.delete('keypackages', key)
}

/** Saves a new pair; returns its public half. */
async function makeOne(
  { context, tx }: Unit,
  { leafData, lastResort }: Pick<KeyPackageRecord, 'lastResort' | 'leafData'>,
): Promise<Uint8Array> {
  const { account, engine } = context
  const { publicKey, privateKey } = account.device
  const { publicPackage, privatePackage, notAfter } = await engine.newKeyPackage({
    identity: account.certificate,
    signatureKey: privateKey,
    publicKey,
    lastResort,
    leafData,
  })
  const notAfterMs = BigInt(notAfter)
  const id = nextId(tx, 'keypackages')
  tx.put('keypackages', at(id), { publicPackage, privatePackage, lastResort, notAfterMs, leafData })
  return publicPackage
}

const leafDataOf = ({ account, lists }: Pick<Context, 'account' | 'lists'>): Uint8Array | undefined =>
  lists.leafData(account.account.publicKey)

/** Those at the server say this. */
const isPublished = ({ records }: Pick<Context, 'records'>, leafData: Uint8Array): boolean =>
  equalBytes(records.get('server', at(0n))?.publishedLeafData ?? new Uint8Array(), leafData)

function notePublished(tx: Transaction, publishedLeafData: Uint8Array): void {
  const server = tx.get('server', at(0n)) ?? recordOf('server', {})
  tx.put('server', at(0n), { ...server, publishedLeafData })
}

const names = (record: KeyPackageRecord, leafData: Uint8Array): boolean =>
  equalBytes(record.leafData, leafData)

const isFreshLastResort = ({ lastResort, notAfterMs }: KeyPackageRecord, now: number): boolean =>
  lastResort && Number(notAfterMs) - now > LAST_RESORT_LEFT_MS
