import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { VaultError } from '../../../../services/endpoint/vault/error.js'
import { parseLock } from '../../../../services/endpoint/vault/lock.js'
import { openVault } from '../../../../services/endpoint/vault/vault.js'
import { withFolder } from '../../../support/folder.js'

const KEY = { group: 0n, id: 1n }
const VALUE = new Uint8Array([1, 2, 3])

async function make(folder: string, passphrase?: string): Promise<void> {
  const vault = await openVault({ folder, passphrase })
  vault.write([{ put: 'identity', key: KEY, value: VALUE }])
  vault.close()
}

async function change(folder: string, from: string | undefined, to: string | undefined): Promise<void> {
  const vault = await openVault({ folder, passphrase: from })
  await vault.changePassphrase(to).finally(vault.close)
}

async function read(folder: string, passphrase?: string): Promise<Uint8Array | undefined> {
  const vault = await openVault({ folder, passphrase })
  const value = vault.get('identity', KEY)
  vault.close()
  return value
}

describe('a passphrase', () => {
  test('opens the vault that was made with it, and nothing else does', async () => {
    await withFolder(async folder => {
      await make(folder, 'caf\u00e9')
      expect(existsSync(join(folder, 'key'))).toBe(false)
      expect(await read(folder, 'cafe\u0301')).toEqual(VALUE)
      await expect(read(folder, 'cafe')).rejects.toMatchObject({ reason: 'passphrase-wrong' })
      await expect(read(folder)).rejects.toMatchObject({ reason: 'passphrase-needed' })
      await expect(read(folder, '')).rejects.toMatchObject({ reason: 'passphrase-empty' })
    })
  })

  test('stands in no message', async () => {
    await withFolder(async folder => {
      await make(folder, 'correct horse')
      const error = await read(folder, 'battery staple').catch((caught: VaultError) => caught)
      expect(`${error} ${(error as VaultError).stack}`).not.toMatch(/horse|battery/)
    })
  })

  test('is set, changed and removed, and the key file goes and comes with it', async () => {
    await withFolder(async folder => {
      await make(folder)
      await expect(read(folder, 'one')).rejects.toMatchObject({ reason: 'passphrase-not-set' })
      await change(folder, undefined, 'one')
      expect(existsSync(join(folder, 'key'))).toBe(false)
      await change(folder, 'one', 'two')
      await expect(read(folder, 'one')).rejects.toMatchObject({ reason: 'passphrase-wrong' })
      expect(await read(folder, 'two')).toEqual(VALUE)
      await change(folder, 'two', undefined)
      expect(await read(folder)).toEqual(VALUE)
    })
  })

  test('cannot be empty', async () => {
    await withFolder(async folder => {
      await make(folder)
      await expect(change(folder, undefined, '')).rejects.toMatchObject({ reason: 'passphrase-empty' })
      expect(await read(folder)).toEqual(VALUE)
    })
  })

  test('removes a key file that a crash left after it was set, but no other', async () => {
    await withFolder(async folder => {
      await make(folder)
      const key = readFileSync(join(folder, 'key'))
      await change(folder, undefined, 'one')
      writeFileSync(join(folder, 'key'), key)
      expect(await read(folder, 'one')).toEqual(VALUE)
      expect(existsSync(join(folder, 'key'))).toBe(false)
      writeFileSync(join(folder, 'key'), new Uint8Array(32))
      expect(await read(folder, 'one')).toEqual(VALUE)
      expect(existsSync(join(folder, 'key'))).toBe(true)
    })
  })
})

describe('without a passphrase', () => {
  test('a key that is missing is said to be, and the vault opens when it is back', async () => {
    await withFolder(async folder => {
      await make(folder)
      const path = join(folder, 'key')
      const key = readFileSync(path)
      rmSync(path)
      await expect(read(folder)).rejects.toMatchObject({
        reason: 'key-missing',
        why: { code: 'key-missing', file: path },
      })
      expect(existsSync(path)).toBe(false)
      writeFileSync(path, key)
      expect(await read(folder)).toEqual(VALUE)
    })
  })

  test.each<[string, (folder: string) => void]>([
    ['an empty database', folder => writeFileSync(join(folder, 'vault.db'), '')],
    ['half a key', folder => writeFileSync(join(folder, 'key.new'), new Uint8Array(7))],
    ['a key', folder => writeFileSync(join(folder, 'key'), new Uint8Array(32).fill(5))],
  ])('a first start that a crash ended after it had made %s begins again', async (_, leave) => {
    await withFolder(async folder => {
      mkdirSync(folder)
      leave(folder)
      await make(folder)
      expect(await read(folder)).toEqual(VALUE)
    })
  })
})

describe('a vault that cannot be had', () => {
  test('is in use, also by this process, and stays whole', async () => {
    await withFolder(async folder => {
      const vault = await openVault({ folder })
      vault.write([{ put: 'identity', key: KEY, value: VALUE }])
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await expect(openVault({ folder })).rejects.toMatchObject({ reason: 'in-use' })
      }
      vault.close()
      vault.close()
      expect(await read(folder)).toEqual(VALUE)
    })
  })

  test('is of two that make it at once made by one, and opened by the other afterwards', async () => {
    await withFolder(async folder => {
      const both = [openVault({ folder }), openVault({ folder })]
      const opened = (await Promise.allSettled(both)).filter(result => result.status === 'fulfilled')
      expect(opened).toHaveLength(1)
      opened[0]!.value.close()
      await make(folder)
      expect(await read(folder)).toEqual(VALUE)
    })
  })

  test('stands in a folder that cannot be made', async () => {
    await withFolder(async folder => {
      mkdirSync(dirname(folder), { recursive: true })
      writeFileSync(folder, 'a file')
      await expect(openVault({ folder: join(folder, 'below') })).rejects.toMatchObject({
        reason: 'not-writable',
        why: { code: 'not-writable', file: expect.stringContaining(folder), detail: 'ENOTDIR' },
      })
    })
  })

  test('is a folder itself', async () => {
    await withFolder(async folder => {
      mkdirSync(join(folder, 'vault.db'), { recursive: true })
      await expect(openVault({ folder })).rejects.toMatchObject({ reason: 'not-writable' })
    })
  })
})

test('hostile bytes are no lock and are refused with VaultError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      expect(() => parseLock(bytes, 'some file')).toThrow(VaultError)
    }),
  )
})
