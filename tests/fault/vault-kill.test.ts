// A process that is killed (kill -9) while it makes a vault or writes to it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { openVault, type Vault } from '../../services/endpoint/vault/vault.js'
import { withFolder } from '../support/folder.js'

const WRITER = fileURLToPath(new URL('../support/vault-writer.js', import.meta.url))
const KILLS = 12
/** Longer than a vault takes to open, in ms: the kill falls before, into or after its making. */
const MAKING_MS = 30
const MAKING_WITH_PASSPHRASE_MS = 250

interface Writer {
  process: ChildProcess
  lines: AsyncIterator<string>
}

function startWriter(folder: string, ...passphrase: string[]): Writer {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', WRITER, folder, ...passphrase],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  return { process: child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() }
}

/** Kills the writer and returns the last line that it wrote in its life. */
async function kill(writer: Writer): Promise<string | undefined> {
  const ended = once(writer.process, 'exit')
  writer.process.kill('SIGKILL')
  let last: string | undefined
  for (let line = await writer.lines.next(); !line.done; line = await writer.lines.next()) last = line.value
  await ended
  return last
}

async function readUntil(writer: Writer, wanted: (line: string) => boolean): Promise<void> {
  for (let line = await writer.lines.next(); !line.done; line = await writer.lines.next()) {
    if (wanted(line.value)) return
  }
  throw new Error('The writer ended early')
}

/** Checks that every write is there whole or not at all, and returns the number of the last one. */
function checkWhole(vault: Vault): bigint {
  const messages = [...vault.list('messages', { group: 1n })]
  const last = BigInt(messages.length)
  expect(messages.map(row => Buffer.from(row.value).toString())).toEqual(
    messages.map((_, at) => `number ${at + 1}`),
  )
  if (last === 0n) return last
  expect([...vault.list('outbox')].map(row => row.key.id)).toEqual([last])
  expect(Buffer.from(vault.get('ratchets', { group: 1n, id: 0n })!).toString()).toBe(`number ${last}`)
  return last
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

describe('kill -9', () => {
  test('what write() returned for is there after it, and nothing half', async () => {
    await withFolder(async folder => {
      for (let round = 0; round < KILLS; round += 1) {
        const writer = startWriter(folder)
        await readUntil(writer, line => Number(line) >= 1)
        // Not to wait for something, but to kill at another moment each time.
        await pause(Math.random() * MAKING_MS)
        const told = Number((await kill(writer)) ?? 0)
        const vault = await openVault({ folder })
        const last = checkWhole(vault)
        vault.close()
        expect(last).toBeGreaterThanOrEqual(told)
      }
    })
  }, 60_000)

  test.each([
    ['without a passphrase', MAKING_MS, []],
    ['with a passphrase', MAKING_WITH_PASSPHRASE_MS, ['open sesame']],
  ])(
    'a vault that was being made opens, %s',
    async (_, duration, passphrase) => {
      for (let round = 0; round < KILLS; round += 1) {
        await withFolder(async folder => {
          const writer = startWriter(folder, ...passphrase)
          await readUntil(writer, line => line === 'begin')
          await pause((duration * round) / KILLS)
          await kill(writer)
          const vault = await openVault({ folder, passphrase: passphrase[0] })
          checkWhole(vault)
          vault.close()
        })
      }
    },
    60_000,
  )

  test('frees the vault, which was kept from everybody else until then', async () => {
    await withFolder(async folder => {
      const writer = startWriter(folder)
      await readUntil(writer, line => line === '3')
      await expect(openVault({ folder })).rejects.toMatchObject({ reason: 'in-use' })
      await kill(writer)
      const vault = await openVault({ folder })
      expect(checkWhole(vault)).toBeGreaterThanOrEqual(3n)
      vault.close()
    })
  }, 20_000)
})
