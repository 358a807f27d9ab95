// The engine makes what proto/parley/MLS.md says, as a reader of RFC 9420 finds it in the bytes.

import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { decodeStrict } from '../../../../services/endpoint/mls/codec.js'
import { MAX_LEAVES, MAX_MEMBERS, MAX_SKIPPED_MESSAGES } from '../../../../services/endpoint/mls/context.js'
import { PAST_EPOCHS } from '../../../../services/protocol/sizes.js'
import { Reader } from '../../../support/mls/tls.js'
import { readKeyPackage } from '../../../support/mls/wire.js'
import { engineFor, found, keyPackageOf, newDevice, sealAs } from './people.js'

const engine = await engineFor()
const profile = readFileSync(new URL('../../../../../proto/parley/MLS.md', import.meta.url), 'utf8')

/** The second column of the row that begins so. */
function row(name: string): string {
  const found = profile.split('\n').find(line => line.startsWith(`| ${name} | `))
  if (found === undefined) throw new Error(`no row ${name}`)
  return found.split(' | ').slice(1).join(' | ')
}

const numbersIn = (value: string) => (value.match(/0x[0-9A-F]+|\d+/g) ?? []).map(Number)

test('its suite and capabilities are those of a key package', async () => {
  const { publicPackage } = await keyPackageOf(engine, await newDevice('alice'))
  const { suite, leafNode } = readKeyPackage(new Reader(publicPackage.slice(4)))
  const { capabilities } = leafNode
  expect(numbersIn(row('Cipher suite'))[0]).toBe(suite)
  expect(numbersIn(row('`capabilities.versions`'))).toEqual(capabilities.versions)
  expect(numbersIn(row('`capabilities.cipher_suites`'))).toEqual(capabilities.suites)
  expect(numbersIn(row('`capabilities.extensions`'))).toEqual(capabilities.extensions)
  expect(numbersIn(row('`capabilities.credentials`'))).toEqual(capabilities.credentials)
})

test('its numbers of a group are those of the engine', () => {
  expect(numbersIn(row('Members'))).toEqual([MAX_MEMBERS, MAX_LEAVES])
  expect(numbersIn(row('Past epochs that are opened'))[0]).toBe(PAST_EPOCHS)
  expect(numbersIn(row('Skipped messages of one sender'))[0]).toBe(MAX_SKIPPED_MESSAGES)
})

test('its extensions are as long as it says, and no longer', async () => {
  const alice = await found(engine, 'alice')
  const most = (name: string) => numbersIn(row(name)).at(-1)!
  const limits = { settings: most('0xF0A1'), leafData: most('0xF0A2'), joiner: most('0xF0A3') }
  for (const [name, limit] of Object.entries(limits)) {
    await engine.commit(alice.state, { [name]: new Uint8Array(limit) })
    const longer = engine.commit(alice.state, { [name]: new Uint8Array(limit + 1) })
    await expect(longer).rejects.toMatchObject({ why: 'bad-change' })
  }
})

test('messages are padded to what it says, and have no data for the server', async () => {
  const alice = await found(engine, 'alice')
  const padded = Number(/padded with zeros to at\s+least (\d+) bytes/.exec(profile)?.[1])
  const tag = 16
  for (const words of ['', 'a'.repeat(100)]) {
    const message = decodeStrict(await sealAs(alice, words))
    if (message.wireformat !== 'mls_private_message') throw new Error(message.wireformat)
    expect(message.privateMessage.authenticatedData).toHaveLength(0)
    expect(message.privateMessage.ciphertext).toHaveLength(padded + tag)
  }
})
