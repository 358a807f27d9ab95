import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { openVault, TABLES } from '../../../../services/endpoint/vault/vault.js'
import { filesWith, withFolder } from '../../../support/folder.js'
import { vaultSuite } from '../../../support/vault-suite.js'

vaultSuite(use =>
  withFolder(folder =>
    use({ open: maxBytes => openVault({ folder, ...(maxBytes === undefined ? {} : { maxBytes }) }) }),
  ),
)

test('a vault has files that only their owner reads, in which nothing written is to be found', () =>
  withFolder(async folder => {
    const vault = await openVault({ folder })
    const marker = 'the marker that was written'
    vault.write(
      TABLES.map(table => ({
        put: table,
        key: { group: 0n, id: 1n },
        value: Buffer.from(marker),
      })),
    )
    expect(filesWith(folder, marker)).toEqual([])
    vault.close()
    expect(filesWith(folder, marker)).toEqual([])
    // The search itself finds what is there.
    for (const form of ['utf8', 'hex', 'base64'] as const) {
      writeFileSync(join(folder, form), Buffer.from(`xx${marker}yy`).toString(form))
    }
    expect(filesWith(folder, marker).sort()).toEqual(['base64', 'hex', 'utf8'])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of ['vault.db', 'key']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  }))
