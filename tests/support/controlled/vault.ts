// The client's vault, which can be looked into.

import { openVault as open, TABLES, type Vault } from '../../../services/endpoint/vault/vault.js'
import type { SavedRow } from './messages.js'

export * from '../../../services/endpoint/vault/vault.js'

let opened: Vault | undefined

export async function openVault(options: Parameters<typeof open>[0]): Promise<Vault> {
  opened = await open(options)
  return opened
}

export const savedRows = (): SavedRow[] =>
  TABLES.flatMap(table => [...(opened?.list(table) ?? [])].map(({ key, value }) => ({ table, key, value })))
