// Where a vault's data key comes from and where it is kept. At any moment of a crash, the database never says
// that a key is needed which is not on the disk: a key file is written before, and removed after.

import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { guarded, readLock, writeLock } from './database.js'
import { damaged, VaultError } from './error.js'
import { discardKeyFile, readKeyFile, writeKeyFile } from './keyfile.js'
import { fitsLock, type Lock, makeLock, openLock, parseLock } from './lock.js'
import { KEY_BYTES, openWith, sealWith } from './seal.js'

/** The associated data of a former data key. */
const FORMER_KEY = Buffer.from('parley vault former data key', 'ascii')

/** An open database and its files, by the names that messages give them. */
export interface VaultFiles {
  database: DatabaseSync
  file: string
  keyFile: string
}

/** The data keys of a vault, 32 bytes each. */
export interface DataKeys {
  /** Seals all that is written. */
  current: Uint8Array
  /** The one before: rows that were not written since are sealed under it. */
  former: Uint8Array | undefined
}

/** The data keys of a vault, made if the vault is new. Throws VaultError. */
export async function unlock(place: VaultFiles, passphrase: string | undefined): Promise<DataKeys> {
  checkPassphrase(passphrase)
  const records = readLock(place.database, place.file)
  if (!records) return { current: await createKey(place, passphrase), former: undefined }
  const lock = parseLock(records.lock, place.file)
  if (lock.kind === 'key-file') {
    const current = askKeyFile(place, lock, passphrase)
    return { current, former: formerKey(place, current, records.former) }
  }
  const current = await askPassphrase(place, lock, passphrase)
  const former = formerKey(place, current, records.former)
  if (former) discardLeftKeyFile(place, former)
  return { current, former }
}

/**
 * Sets, changes or (undefined) removes the passphrase, and draws a new data key: an old key file or passphrase opens
 * nothing that is written from here on. Durable when it resolves, with the new data key; undefined: there was no
 * passphrase to remove. The caller has no row left that is sealed under a former key. Throws VaultError.
 */
export async function changePassphrase(
  place: VaultFiles,
  current: Uint8Array,
  passphrase: string | undefined,
): Promise<Uint8Array | undefined> {
  checkPassphrase(passphrase)
  if (passphrase === undefined && !hasPassphrase(place)) return undefined
  const next = new Uint8Array(randomBytes(KEY_BYTES))
  await keep(place, next, { passphrase, former: sealWith(next, current, FORMER_KEY) })
  if (passphrase !== undefined) discardLeftKeyFile(place, current)
  return next
}

function hasPassphrase(place: VaultFiles): boolean {
  const records = readLock(place.database, place.file)
  return records !== undefined && parseLock(records.lock, place.file).kind === 'passphrase'
}

function formerKey(
  place: VaultFiles,
  current: Uint8Array,
  sealed: Uint8Array | undefined,
): Uint8Array | undefined {
  const former = sealed && openWith(current, sealed, FORMER_KEY)
  if (sealed && former?.length !== KEY_BYTES) throw damaged(place.file)
  return former
}

/** A key file that stands there already is taken up: a start that was cut short left it, and nothing needs another. */
async function createKey(place: VaultFiles, passphrase: string | undefined): Promise<Uint8Array> {
  const found = passphrase === undefined ? readKey(place) : undefined
  const dataKey = found?.length === KEY_BYTES ? found : new Uint8Array(randomBytes(KEY_BYTES))
  await keep(place, dataKey, { passphrase, former: undefined })
  return dataKey
}

async function keep(
  place: VaultFiles,
  dataKey: Uint8Array,
  { passphrase, former }: { passphrase: string | undefined; former: Uint8Array | undefined },
): Promise<void> {
  const lock = await makeLock(dataKey, passphrase)
  if (passphrase === undefined) guarded(place.keyFile, () => writeKeyFile(place.keyFile, dataKey))
  writeLock(place.database, place.file, { lock, former })
}

async function askPassphrase(
  place: VaultFiles,
  lock: Lock,
  passphrase: string | undefined,
): Promise<Uint8Array> {
  if (passphrase === undefined) throw new VaultError({ code: 'passphrase-needed', file: place.file })
  return await openLock(lock, passphrase)
}

function askKeyFile(place: VaultFiles, lock: Lock, passphrase: string | undefined): Uint8Array {
  if (passphrase !== undefined) throw new VaultError({ code: 'passphrase-not-set', file: place.file })
  const dataKey = readKey(place)
  if (!dataKey) throw new VaultError({ code: 'key-missing', file: place.keyFile })
  if (!fitsLock(lock, dataKey)) throw damaged(place.keyFile)
  return dataKey
}

/** Only if it has this very key, which a passphrase has taken the place of; another may be of use to its owner. */
function discardLeftKeyFile(place: VaultFiles, dataKey: Uint8Array): void {
  const left = readKey(place)
  if (!left || Buffer.compare(left, dataKey) !== 0) return
  guarded(place.keyFile, () => discardKeyFile(place.keyFile, KEY_BYTES))
}

function readKey(place: VaultFiles): Uint8Array | undefined {
  return guarded(place.keyFile, () => readKeyFile(place.keyFile))
}

function checkPassphrase(passphrase: string | undefined): void {
  if (passphrase === '') throw new VaultError({ code: 'passphrase-empty' })
}
