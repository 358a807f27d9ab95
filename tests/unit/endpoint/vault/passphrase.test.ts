import { argon2Sync, createDecipheriv, createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { VaultError } from '../../../../services/endpoint/vault/error.js'
import { fitsLock, makeLock, openLock, parseLock } from '../../../../services/endpoint/vault/lock.js'
import { openVault } from '../../../../services/endpoint/vault/vault.js'
import { filesWith, withFolder } from '../../../support/folder.js'

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

describe('what a passphrase replaces', () => {
  test('is overwritten: who kept a link to the key file finds zeros', async () => {
    await withFolder(async folder => {
      await make(folder)
      const kept = join(folder, 'kept')
      linkSync(join(folder, 'key'), kept)
      const key = readFileSync(kept)
      expect(key.some(byte => byte !== 0)).toBe(true)
      await change(folder, undefined, 'one')
      expect(existsSync(join(folder, 'key'))).toBe(false)
      expect(readFileSync(kept)).toEqual(Buffer.alloc(32))
      // The same of one that a crash left.
      writeFileSync(join(folder, 'key'), key)
      rmSync(kept)
      linkSync(join(folder, 'key'), kept)
      expect(await read(folder, 'one')).toEqual(VALUE)
      expect(readFileSync(kept)).toEqual(Buffer.alloc(32))
    })
  })

  test('is in no file afterwards, also while the vault is open', async () => {
    await withFolder(async folder => {
      await make(folder)
      const key = readFileSync(join(folder, 'key'))
      expect(filesWith(folder, key)).toEqual(['key'])
      const vault = await openVault({ folder })
      try {
        await vault.changePassphrase('correct horse')
        expect(filesWith(folder, key)).toEqual([])
        expect(filesWith(folder, 'correct horse')).toEqual([])
      } finally {
        vault.close()
      }
      expect(filesWith(folder, key)).toEqual([])
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

describe('a lock', () => {
  const DATA_KEY = new Uint8Array(32).fill(7)

  test('holds the data key under Argon2id at the cost of RFC 9106, 64 MiB of memory', async () => {
    const { cost, salt, sealed, associated } = parseLock(await makeLock(DATA_KEY, 'caf\u00e9'), 'some file')
    expect(cost).toEqual({ passes: 3, memory: 64 * 1024, lanes: 4 })
    const key = argon2Sync('argon2id', {
      message: Buffer.from('caf\u00e9'),
      nonce: salt,
      passes: 3,
      memory: 64 * 1024,
      parallelism: 4,
      tagLength: 32,
    })
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12), { authTagLength: 16 })
    decipher.setAAD(associated).setAuthTag(sealed.subarray(-16))
    expect(Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])).toEqual(
      Buffer.from(DATA_KEY),
    )
  })

  test('of another cost is opened at that cost', async () => {
    const record = await makeLock(DATA_KEY, 'a passphrase')
    const lock = parseLock(record, 'some file')
    expect(await openLock(lock, 'a passphrase')).toEqual(DATA_KEY)
    const cheaper = { ...lock, cost: { ...lock.cost, memory: 32 } }
    await expect(openLock(cheaper, 'a passphrase')).rejects.toMatchObject({ reason: 'passphrase-wrong' })
  })

  test('of which a bit is changed, or that is cut or goes on, is refused with VaultError', async () => {
    const records = [await makeLock(DATA_KEY, 'a passphrase'), await makeLock(DATA_KEY, undefined)]
    for (const record of records) expect(() => parseLock(record, 'some file')).not.toThrow()
    const refused = (bytes: Uint8Array) => {
      expect(() => parseLock(bytes, 'some file')).toThrow(VaultError)
    }
    for (const record of records) {
      for (let bit = 0; bit < 8 * record.length; bit += 1) {
        const changed = record.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        refused(changed)
      }
      for (let length = 0; length < record.length; length += 1) refused(record.slice(0, length))
      refused(Buffer.concat([record, new Uint8Array(1)]))
    }
  })

  test('that somebody else made is refused with VaultError, or opens nothing, however its checksum is', async () => {
    const good = await makeLock(DATA_KEY, undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
        expect(() => parseLock(bytes, 'some file')).toThrow(VaultError)
        try {
          expect(fitsLock(parseLock(withChecksum(bytes), 'some file'), DATA_KEY)).toBe(false)
        } catch (error) {
          expect(error).toBeInstanceOf(VaultError)
        }
      }),
    )
    expect(() => parseLock(withChecksum(good.slice(0, -32)), 'some file')).not.toThrow()
    // Neither of another kind, nor with less sealed than a nonce and a tag.
    for (const kind of [2, 255])
      expect(() => parseLock(withChecksum(Buffer.from(good.slice(0, -32)).fill(kind, 0, 1)), '')).toThrow(
        VaultError,
      )
    expect(() => parseLock(withChecksum(good.slice(0, -33)), '')).toThrow(VaultError)
  })

  test.each([
    [0, 65_536, 4],
    [3, 31, 1],
    [3, 65_536, 0],
    [3, 39, 5],
    [1_001, 65_536, 4],
    [3, 2 ** 32 - 1, 4],
    [3, 65_536, 257],
  ])(
    'that asks for %d passes over %d KiB in %d lanes is refused before anything is derived',
    async (...cost) => {
      const changed = Buffer.from((await makeLock(DATA_KEY, undefined)).slice(0, -32))
      for (const [index, part] of cost.entries()) changed.writeUInt32BE(part, 1 + 4 * index)
      expect(() => parseLock(withChecksum(changed), 'some file')).toThrow(VaultError)
    },
  )

  test.each([
    [1, 32, 1],
    [3, 40, 5],
    [1_000, 2 ** 24, 256],
  ])('may ask for %d passes over %d KiB in %d lanes', async (...cost) => {
    const changed = Buffer.from((await makeLock(DATA_KEY, undefined)).slice(0, -32))
    for (const [index, part] of cost.entries()) changed.writeUInt32BE(part, 1 + 4 * index)
    expect(Object.values(parseLock(withChecksum(changed), 'some file').cost)).toEqual(cost)
  })
})

const withChecksum = (bytes: Uint8Array) =>
  Buffer.concat([bytes, createHash('sha256').update(bytes).digest()])
