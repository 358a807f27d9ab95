// Identity, for real endpoints on real relays: what is pinned, and what is refused.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { accountFingerprint } from '../../../services/protocol/identity/fingerprint.js'
import { nodeCrypto as crypto } from '../../../services/protocol/node/crypto.js'
import { HOST, newTown, type Person, type Town } from '../../support/town.js'

jest.setTimeout(20_000)

let town: Town
beforeEach(async () => {
  town = await newTown()
})
afterEach(async () => {
  await town.leave()
})

const fingerprintOf = (person: Person) => accountFingerprint(crypto, person.endpoint.account()!.accountKey)

describe('who is who', () => {
  test('a server with another key than before is refused, until a person accepts it', async () => {
    const server = await town.server()
    const alice = await town.join('alice', server)
    await alice.line('up')
    await alice.close()
    await server.stop()
    const other = await town.server({ name: 'other', data: 'server', port: server.port })
    const again = await town.join('alice', other)
    const { line } = await again.event('line', ({ line }) => line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'server-changed' })
    await again.close()
    const fingerprint = other.relay.fingerprint
    const accepting = await town.join('alice', other, { server: { fingerprint, replacesPin: true } })
    await accepting.line('up')
  })

  test('a server that an invite link does not name is refused before anything is sent', async () => {
    const server = await town.server()
    const invited = { fingerprint: new Uint8Array(32), replacesPin: false }
    const alice = await town.join('alice', server, { server: invited })
    const { line } = await alice.event('line', ({ line }) => line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'server-changed' })
    expect(alice.endpoint.server()?.fingerprint).toBeUndefined()
  })

  test('somebody with another key than the invite link names gets nothing', async () => {
    const server = await town.server()
    const bob = await town.join('bob', server)
    await bob.line('up')
    const inviter = { handle: 'bob', account: new Uint8Array(32) }
    const alice = await town.join('alice', server, { inviter })
    await alice.write('bob', 'for the right one')
    const { seen } = await alice.event('key-changed')
    await alice.holds(() => alice.endpoint.people()[0]?.state === 'key-changed')
    expect(alice.history()).toMatchObject([{ state: 'waiting' }])
    expect(bob.history()).toEqual([])
    expect(seen).not.toBe('')
  })

  test('somebody with the key that the invite link names is pinned', async () => {
    const server = await town.server()
    const bob = await town.join('bob', server)
    await bob.line('up')
    const alice = await town.join('alice', server, {
      inviter: { handle: 'bob', account: fingerprintOf(bob) },
    })
    await alice.write('bob', 'hello')
    await alice.allAre('delivered')
    expect(alice.events.filter(({ type }) => type === 'contact-pinned')).toHaveLength(1)
  })

  test('an invite link that comes after the first contact, and names another key, stops the sending', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'hello')
    await alice.allAre('delivered')
    await alice.close()
    const inviter = { handle: 'bob', account: new Uint8Array(32) }
    const warned = await town.join('alice', server, { inviter })
    await warned.event('key-changed')
    await warned.write('bob', 'secret')
    await warned.line('up')
    await bob.write('alice', 'go on')
    await warned.received(1)
    expect(await bob.received(1)).toEqual(['hello'])
    expect(warned.endpoint.people()).toMatchObject([{ state: 'key-changed' }])
  })

  test('somebody who began anew with another key is not written to', async () => {
    const server = await town.server()
    const [alice, bob] = [await town.join('alice', server), await town.join('bob', server)]
    await bob.line('up')
    await alice.write('bob', 'hello')
    await alice.allAre('delivered')
    await Promise.all([alice.close(), bob.close(), server.stop()])
    town.loseData()
    await server.restart()
    const impostor = await town.join('bob', server, { vault: 'impostor' })
    await impostor.line('up')
    const again = await town.join('alice', server)
    await again.write('bob', 'secret')
    await again.event('key-changed')
    await impostor.write('alice', 'it is me')
    await again.received(1)
    // Something comes after what must not come: somebody else hears what was written later, and nothing is under way.
    const witness = await town.join('witness', server)
    await again.write('witness', 'after all')
    await witness.received(1)
    await town.clock.settled()
    expect(again.endpoint.people()).toMatchObject([
      { handle: 'bob', state: 'key-changed' },
      { handle: expect.stringMatching(/^bob~.{8}$/), state: 'ready' },
      { handle: 'witness' },
    ])
    expect(again.history().find(({ text }) => text === 'secret')?.state).toBe('waiting')
    expect(impostor.history().filter(({ own }) => !own)).toEqual([])
  })

  test('a handle that is taken stops the line and says so', async () => {
    const server = await town.server()
    const first = await town.join('alice', server)
    await first.line('up')
    const second = await town.join('alice', server, { vault: 'second' })
    const { line } = await second.event('line', ({ line }) => line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'handle-taken', cause: { code: 'handle-taken', handle: 'alice' } })
  })

  test('oneself and what is no handle cannot be written to', async () => {
    const alice = await town.open('alice')
    await alice.endpoint.prepare({ handle: 'alice', address: { host: HOST, port: 1 } })
    await expect(alice.endpoint.open('alice')).rejects.toMatchObject({ why: { code: 'own-handle' } })
    for (const handle of ['', 'Bob', 'a b', '../x'])
      await expect(alice.endpoint.open(handle)).rejects.toMatchObject({
        why: { code: 'bad-handle', handle },
      })
    expect(alice.endpoint.people()).toEqual([])
  })

  test('a copy of the vault takes the line over, and the first does not take it back', async () => {
    const server = await town.server()
    const alice = await town.join('alice', server)
    await alice.line('up')
    await alice.close()
    town.disk('copy').copyFrom(alice.disk)
    const first = await town.join('alice', server)
    await first.line('up')
    const second = await town.join('alice', server, { vault: 'copy' })
    await second.line('up')
    const { line } = await first.event('line', ({ line }) => line.state === 'stopped')
    expect(line).toMatchObject({ reason: 'superseded' })
  })
})
