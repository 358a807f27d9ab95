import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import {
  forgetInvite,
  loadServer,
  noteServer,
  type ServerRecord,
  saveServer,
  trustSeen,
} from '../../../../services/endpoint/sync/server-record.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../../services/protocol/signature.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { certificateOf } from '../../../support/memory/network.js'

const alice = makeAccount('alice')

let endpoint: TestContext
beforeEach(async () => {
  endpoint = await openTestContext(alice)
})

const save = (change: Partial<Omit<ServerRecord, '$typeName'>>) =>
  endpoint.written(tx => saveServer(tx, change))
const saved = () => loadServer(endpoint.context.records)

test('some fields are changed, the others stay', async () => {
  expect(saved()).toBeUndefined()
  await save({ host: 'example.org', port: 7, cursor: Uint8Array.of(1) })
  await save({ port: 8 })
  expect(saved()).toMatchObject({ host: 'example.org', port: 8, cursor: Uint8Array.of(1) })
})

const pinned = (value: Uint8Array) => ({ case: 'pinnedFingerprint', value })

describe('the server that answers', () => {
  const look = (name: string) => endpoint.written(tx => trustSeen(tx, certificateOf(name, endpoint.clock)))

  test('is pinned at first contact, which is told, and known from there', async () => {
    await save({ host: 'memory', port: 1 })
    expect(await look('first')).toMatchObject({ isFirst: true, trust: { kind: 'pinned' } })
    expect(saved()?.trusted).toEqual(pinned(certificateOf('first', endpoint.clock).fingerprint))
    expect(endpoint.told).toMatchObject([{ type: 'server-pinned', address: 'memory:1' }])
    expect(await look('first')).toMatchObject({ isFirst: false })
    expect(endpoint.told).toHaveLength(1)
  })

  test('with another key than the pinned one is refused, and the pin stays', async () => {
    await save({ host: 'memory', port: 1 })
    await look('first')
    await expect(look('second')).rejects.toMatchObject({
      why: { code: 'server-changed', address: 'memory:1' },
    })
    expect(saved()?.trusted).toEqual(pinned(certificateOf('first', endpoint.clock).fingerprint))
  })

  test('with another key than the invitation names is refused, and nothing is pinned', async () => {
    await save({
      host: 'memory',
      port: 1,
      invitedFingerprint: certificateOf('second', endpoint.clock).fingerprint,
    })
    await expect(look('first')).rejects.toMatchObject({ why: { code: 'server-not-invited' } })
    expect(saved()?.trusted).toEqual({ case: undefined })
  })

  test('is one that an authority vouches for: from there on only such a one is taken', async () => {
    await save({ host: 'memory', port: 1 })
    const vouched = (authority: boolean) => ({ ...certificateOf('first', endpoint.clock), authority })
    const see = (authority: boolean) => endpoint.written(tx => trustSeen(tx, vouched(authority)))
    expect(await see(true)).toMatchObject({ isFirst: true, trust: { kind: 'authority' } })
    await expect(see(false)).rejects.toMatchObject({ why: { code: 'server-not-vouched' } })
    expect(saved()?.trusted).toEqual({ case: 'vouchedHost', value: 'memory' })
    expect(await see(true)).toMatchObject({ isFirst: false })
    expect(endpoint.told).toEqual([])
  })

  test('is none where no server is known', async () => {
    await expect(look('first')).rejects.toMatchObject({ why: { code: 'no-server' } })
  })
})

test('an invitation is forgotten once the account is in', async () => {
  await save({ host: 'memory', inviteToken: 'token' })
  await endpoint.written(forgetInvite)
  expect(saved()).toMatchObject({ host: 'memory', inviteToken: '' })
})

const key = (fill: number) => keyPairOf(nodeCrypto, new Uint8Array(32).fill(fill)).publicKey

describe("the server's id", () => {
  const id = new Uint8Array(16).fill(4)
  const told = (serverId: Uint8Array) =>
    endpoint.written(tx => noteServer(tx, { serverId, directoryKey: key(1), isOurs: false }))

  test('is kept when it is first told, and no other is taken from then on', async () => {
    await save({ host: 'memory', port: 1 })
    await told(id)
    await told(id)
    expect(saved()?.serverId).toEqual(id)
    await expect(told(new Uint8Array(16))).rejects.toMatchObject({ why: { code: 'other-server-id' } })
  })

  test('is the one that an invite link names', async () => {
    await save({ host: 'memory', port: 1, invitedId: id })
    await expect(told(new Uint8Array(16))).rejects.toMatchObject({ why: { code: 'other-server-id' } })
    expect(saved()?.serverId).toEqual(new Uint8Array())
    await told(id)
    expect(saved()?.serverId).toEqual(id)
  })

  test('has 16 bytes', async () => {
    await save({ host: 'memory', port: 1 })
    await expect(told(new Uint8Array(15))).rejects.toMatchObject({ why: { code: 'other-server-id' } })
  })
})

describe("the key of the server's directory", () => {
  const [id, otherId] = [new Uint8Array(16).fill(4), new Uint8Array(16).fill(5)]
  const told = (directoryKey: Uint8Array, { serverId = id, isOurs = true } = {}) =>
    endpoint.written(tx => noteServer(tx, { serverId, directoryKey, isOurs }))
  const notice = { type: 'notice', level: 'warning', notice: { code: 'other-directory-key' } }

  test('is the first one that is told; another one is told to the person, and not taken', async () => {
    await save({ host: 'memory', port: 1 })
    await told(key(1))
    await told(key(1))
    expect(endpoint.told).toEqual([])
    await told(key(2))
    expect(endpoint.told).toEqual([notice])
    expect(saved()?.directoryKey).toEqual(key(1))
  })

  test('is the one that an invite link names, whatever is told', async () => {
    await save({ host: 'memory', port: 1, invitedId: id, invitedDirectoryKey: key(1) })
    await told(key(2), { isOurs: false })
    expect(endpoint.told).toEqual([notice])
    expect(saved()?.directoryKey).toEqual(key(1))
  })

  test('stays when it is asked again which server this is, and is the same', async () => {
    await save({ host: 'memory', port: 1, directoryKey: key(1) })
    await told(key(2))
    expect(endpoint.told).toEqual([notice])
    expect(saved()).toMatchObject({ serverId: id, directoryKey: key(1) })
  })

  test('is the new one of another server, which a person has gone over to', async () => {
    await save({ host: 'memory', port: 1, directoryKey: key(1) })
    await told(key(2), { serverId: otherId, isOurs: false })
    expect(endpoint.told).toEqual([{ ...notice, notice: { code: 'server-anew' } }])
    expect(saved()).toMatchObject({ serverId: otherId, directoryKey: key(2) })
  })

  test('is a key', async () => {
    await save({ host: 'memory', port: 1 })
    for (const bad of [new Uint8Array(), new Uint8Array(31), new Uint8Array(32)])
      await expect(told(bad)).rejects.toMatchObject({ why: { code: 'unknown-answer' } })
  })
})
