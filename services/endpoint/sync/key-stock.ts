// The key packages of this device: single-use ones at the server for those who open a conversation with it, and one
// of last resort for when they run out. The private halves are saved before the public ones are published.

import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import { DAY_MS, KEY_PACKAGE_LIFETIME_MS } from '../../protocol/time.js'
import type { Context } from '../context.js'
import { at, type Batch } from '../vault/records.js'

/** One-time key packages kept at the server; more are made below KEY_STOCK_LOW. */
export const KEY_STOCK = 50
export const KEY_STOCK_LOW = 25
/** The last-resort key package is replaced when it has this long to go: so weekly. */
const LAST_RESORT_LEFT_MS = KEY_PACKAGE_LIFETIME_MS - 7 * DAY_MS

export interface Publication {
  keyPackages: Uint8Array[]
  lastResortKeyPackage: Uint8Array
}

/** Whether so many were used that the server should be asked what it still has. */
export const isStockLow = ({ records }: Context): boolean =>
  records.list('keypackages').length < KEY_STOCK_LOW

/** What is to be published, given what the server holds; undefined: nothing. Saves what it makes. */
export async function restock(
  context: Context,
  batch: Batch,
  held: Pick<KeyExchanged, 'keyPackagesLeft' | 'hasLastResort'>,
  now: number,
): Promise<Publication | undefined> {
  const wanted = held.keyPackagesLeft < KEY_STOCK_LOW ? KEY_STOCK - held.keyPackagesLeft : 0
  const replacesLastResort = !held.hasLastResort || !hasFreshLastResort(context, now)
  if (wanted === 0 && !replacesLastResort) return undefined
  forgetExpired(context, batch, now)
  let id = context.records.list('keypackages', { group: 0n, reverse: true, limit: 1 })[0]?.key.id ?? 0n
  const make = async (lastResort: boolean) => {
    const { account, engine } = context
    const { publicKey, privateKey } = account.device
    const pair = await engine.newKeyPackage({
      identity: account.certificate,
      signatureKey: privateKey,
      publicKey,
      lastResort,
    })
    const { publicPackage, privatePackage } = pair
    batch.put('keypackages', at(++id), {
      publicPackage,
      privatePackage,
      lastResort,
      notAfterMs: BigInt(pair.notAfter),
    })
    return publicPackage
  }
  const keyPackages: Uint8Array[] = []
  for (let made = 0; made < wanted; made++) keyPackages.push(await make(false))
  const lastResortKeyPackage = replacesLastResort ? await make(true) : new Uint8Array()
  return { keyPackages, lastResortKeyPackage }
}

function hasFreshLastResort({ records }: Context, now: number): boolean {
  return records
    .list('keypackages')
    .some(({ record }) => record.lastResort && Number(record.notAfterMs) - now > LAST_RESORT_LEFT_MS)
}

function forgetExpired({ records }: Context, batch: Batch, now: number): void {
  for (const { key, record } of records.list('keypackages'))
    if (Number(record.notAfterMs) < now) batch.delete('keypackages', key)
}
