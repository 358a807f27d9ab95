// Small secret files, written so that a crash at any point leaves the old content or the new one.

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Read and write for the owner, nothing for anybody else. */
export const OWNER_ONLY = 0o600

/** The file's bytes; undefined if there is none. Throws as the file system does. */
export function readKeyFile(path: string): Uint8Array | undefined {
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : undefined
}

/** Durable when it returns: the new file is on the disk before it takes the place of the old one. */
export function writeKeyFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.new`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, bytes, { mode: OWNER_ONLY, flag: 'wx', flush: true })
  renameSync(temporary, path)
  syncFolder(dirname(path))
}

/** Overwrites the file and removes it. Copies that a file system or a flash disk made of it are out of reach. */
export function discardKeyFile(path: string, length: number): void {
  writeFileSync(path, new Uint8Array(length), { flag: 'r+', flush: true })
  rmSync(path)
  syncFolder(dirname(path))
}

/** A file's name is durable only after its folder is. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
