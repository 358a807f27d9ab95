// The vault that tests have in memory keeps the same promises.

import { expect, test } from '@jest/globals'
import type { RowChange } from '../../../../services/endpoint/vault/vault.js'
import { MemoryDisk } from '../../../support/memory/vault.js'
import { vaultSuite } from '../../../support/vault-suite.js'

vaultSuite(use => {
  const disk = new MemoryDisk()
  return use({ open: async maxBytes => disk.open(maxBytes) })
})

const put = (id: bigint): RowChange => ({ put: 'messages', key: { group: 0n, id }, value: Uint8Array.of(1) })
const idsOn = (disk: MemoryDisk) => {
  const vault = disk.open()
  const ids = Array.from(vault.keys('messages'), ({ id }) => id)
  vault.close()
  return ids
}

test('its writes fail when a test says so: with the changes lost, or kept', () => {
  const disk = new MemoryDisk()
  const vault = disk.open()
  vault.write([put(1n)])
  disk.fail({ reason: 'full' })
  expect(() => vault.write([put(2n)])).toThrow(expect.objectContaining({ reason: 'full' }))
  disk.fail({ reason: 'damaged', kept: true, where: changes => changes.length === 1 })
  vault.write([put(3n), put(4n)])
  expect(() => vault.write([put(5n)])).toThrow(expect.objectContaining({ reason: 'damaged' }))
  disk.mend()
  vault.write([put(6n)])
  vault.close()
  expect(idsOn(disk)).toEqual([1n, 3n, 4n, 5n, 6n])
})

test('a copy of its disk goes its own way', () => {
  const [disk, copy] = [new MemoryDisk(), new MemoryDisk()]
  const vault = disk.open()
  vault.write([put(1n)])
  copy.copyFrom(disk)
  vault.write([put(2n)])
  vault.close()
  expect([idsOn(disk), idsOn(copy)]).toEqual([[1n, 2n], [1n]])
})
