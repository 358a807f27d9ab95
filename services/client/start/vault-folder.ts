// Which vault to open: a folder has one for each handle, so that several people can try Parley on one machine.

import { type Dirent, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { types } from 'node:util'
import { VaultError } from '../../endpoint/index.js'

const DATABASE = 'vault.db'
const KEY = 'key'

type Choice = { kind: 'known'; folder: string } | { kind: 'new' } | { kind: 'several'; handles: string[] }

/** `data` itself may be a vault: one that an older layout or the operator's console made. */
export function chooseVault(data: string, handle: string | undefined): Choice {
  if (existsSync(join(data, DATABASE))) return { kind: 'known', folder: data }
  const handles = vaultsIn(data)
  if (handle !== undefined)
    return handles.includes(handle) ? { kind: 'known', folder: join(data, handle) } : { kind: 'new' }
  if (handles.length > 1) return { kind: 'several', handles }
  return handles[0] === undefined ? { kind: 'new' } : { kind: 'known', folder: join(data, handles[0]) }
}

function vaultsIn(data: string): string[] {
  return entriesOf(data)
    .filter(entry => entry.isDirectory() && existsSync(join(data, entry.name, DATABASE)))
    .map(entry => entry.name)
    .sort()
}

/** Removes a vault that nobody knows the account of, and its folder if nothing else is in there. */
export function removeVault(folder: string): void {
  for (const name of readdirSync(folder))
    if (name === KEY || name.startsWith(DATABASE)) rmSync(join(folder, name), { force: true })
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

/** None where there is no folder yet. Throws VaultError for one that cannot be read. */
function entriesOf(data: string): Dirent[] {
  if (!existsSync(data)) return []
  try {
    return readdirSync(data, { withFileTypes: true })
  } catch (error) {
    const detail = types.isNativeError(error) && 'code' in error ? String(error.code) : String(error)
    throw new VaultError({ code: 'not-writable', file: data, detail })
  }
}
