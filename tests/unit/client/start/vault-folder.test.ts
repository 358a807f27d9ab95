import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { openWithPassphrase } from '../../../../services/client/start/passphrase.js'
import { chooseVault, removeVault } from '../../../../services/client/start/vault-folder.js'
import { VaultError } from '../../../../services/endpoint/vault/vault.js'
import { withFolder } from '../../../support/folder.js'

function makeVault(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const name of ['vault.db', 'vault.db-wal', 'key']) writeFileSync(join(folder, name), '')
}

describe('the vault of a data folder', () => {
  test('is a new one where there is none', () =>
    withFolder(async data => {
      expect(chooseVault(data, undefined)).toEqual({ kind: 'new' })
      makeVault(join(data, 'bob'))
      expect(chooseVault(data, 'alice')).toEqual({ kind: 'new' })
    }))

  test('is that of the handle, or the only one, or has to be said', () =>
    withFolder(async data => {
      makeVault(join(data, 'bob'))
      mkdirSync(join(data, 'not-a-vault'))
      expect(chooseVault(data, undefined)).toEqual({ kind: 'known', folder: join(data, 'bob') })
      makeVault(join(data, 'alice'))
      expect(chooseVault(data, undefined)).toEqual({ kind: 'several', handles: ['alice', 'bob'] })
      expect(chooseVault(data, 'bob')).toEqual({ kind: 'known', folder: join(data, 'bob') })
    }))

  test('may be the folder itself', () =>
    withFolder(async data => {
      makeVault(data)
      expect(chooseVault(data, 'anybody')).toEqual({ kind: 'known', folder: data })
    }))

  test('that is removed takes nothing else along', () =>
    withFolder(async data => {
      makeVault(data)
      writeFileSync(join(data, 'notes.txt'), 'mine')
      removeVault(data)
      expect(readdirSync(data)).toEqual(['notes.txt'])
      makeVault(join(data, 'bob'))
      removeVault(join(data, 'bob'))
      expect(existsSync(join(data, 'bob'))).toBe(false)
    }))
})

describe('a passphrase', () => {
  const locked = (right: string) => async (passphrase: string | undefined) => {
    if (passphrase === undefined) throw new VaultError({ code: 'passphrase-needed', file: 'vault.db' })
    if (passphrase !== right) throw new VaultError({ code: 'passphrase-wrong' })
    return 'open'
  }
  const answering = (...answers: (string | undefined)[]) => {
    const asked: string[] = []
    return {
      asked,
      async ask(question: string) {
        asked.push(question)
        return answers.shift()
      },
    }
  }
  test('is asked for until it is right', async () => {
    const terminal = answering('no', 'yes')
    expect(await openWithPassphrase(terminal, undefined, locked('yes'))).toBe('open')
    expect(terminal.asked).toEqual(['passphrase: ', 'that is not it. passphrase: '])
  })

  test('is not asked for where there is none, or nobody to ask', async () => {
    expect(await openWithPassphrase(answering(), undefined, async () => 'open')).toBe('open')
    await expect(openWithPassphrase(undefined, undefined, locked('yes'))).rejects.toMatchObject({
      reason: 'passphrase-needed',
    })
  })

  test('that was given wrongly is an error, and so is going away', async () => {
    await expect(openWithPassphrase(answering('yes'), 'no', locked('yes'))).rejects.toMatchObject({
      reason: 'passphrase-wrong',
    })
    await expect(openWithPassphrase(answering(undefined), undefined, locked('yes'))).rejects.toMatchObject({
      reason: 'passphrase-needed',
    })
  })

  test('does not hide another error', async () => {
    const damaged = async () => {
      throw new VaultError({ code: 'damaged', file: 'vault.db' })
    }
    await expect(openWithPassphrase(answering('x'), undefined, damaged)).rejects.toMatchObject({
      reason: 'damaged',
    })
  })
})
