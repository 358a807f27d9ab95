// Where a vault's data key comes from and where it is kept. At any moment of a crash, the database never says
// that a key is needed which is not on the disk: a key file is written before, and removed after.

import { randomBytes } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { guarded, readLock, writeLock } from './database.js'
import { damaged, VaultError } from './error.js'
import { discardKeyFile, readKeyFile, writeKeyFile } from './keyfile.js'
import { fitsLock, type Lock, makeLock, openLock, parseLock } from './lock.js'
import { KEY_BYTES } from './seal.js'

/** An open database and its files, by the names that messages give them. */
export interface VaultFiles {
  database: DatabaseSync
  file: string
  keyFile: string
}

/** The data key (32 bytes) of a vault, made if the vault is new. Throws VaultError. */
export async function unlock(place: VaultFiles, passphrase: string | undefined): Promise<Uint8Array> {
  checkPassphrase(passphrase)
  const record = readLock(place.database, place.file)
  if (!record) return createKey(place, passphrase)
  const lock = parseLock(record, place.file)
  return lock.kind === 'passphrase'
    ? askPassphrase(place, lock, passphrase)
    : askKeyFile(place, lock, passphrase)
}

/** Sets, changes or (undefined) removes the passphrase. Durable when it resolves. Throws VaultError. */
export async function changePassphrase(
  place: VaultFiles,
  dataKey: Uint8Array,
  passphrase: string | undefined,
): Promise<void> {
  checkPassphrase(passphrase)
  await keep(place, dataKey, passphrase)
  if (passphrase !== undefined) discardLeftKeyFile(place, dataKey)
}

/** A key file that stands there already is taken up: a start that was cut short left it, and nothing needs another. */
async function createKey(place: VaultFiles, passphrase: string | undefined): Promise<Uint8Array> {
  const found = passphrase === undefined ? readKey(place) : undefined
  const dataKey = found?.length === KEY_BYTES ? found : new Uint8Array(randomBytes(KEY_BYTES))
  await keep(place, dataKey, passphrase)
  return dataKey
}

async function keep(place: VaultFiles, dataKey: Uint8Array, passphrase: string | undefined): Promise<void> {
  const record = await makeLock(dataKey, passphrase)
  if (passphrase === undefined) guarded(place.keyFile, () => writeKeyFile(place.keyFile, dataKey))
  writeLock(place.database, place.file, record)
}

async function askPassphrase(
  place: VaultFiles,
  lock: Lock,
  passphrase: string | undefined,
): Promise<Uint8Array> {
  if (passphrase === undefined) throw new VaultError({ code: 'passphrase-needed', file: place.file })
  const dataKey = await openLock(lock, passphrase)
  discardLeftKeyFile(place, dataKey)
  return dataKey
}

function askKeyFile(place: VaultFiles, lock: Lock, passphrase: string | undefined): Uint8Array {
  if (passphrase !== undefined) throw new VaultError({ code: 'passphrase-not-set', file: place.file })
  const dataKey = readKey(place)
  if (!dataKey) throw new VaultError({ code: 'key-missing', file: place.keyFile })
  if (!fitsLock(lock, dataKey)) throw damaged(place.keyFile)
  return dataKey
}

/** Only if it has this very key, which the passphrase is now to guard; another key may be of use to its owner. */
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
