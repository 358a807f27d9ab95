import { describe, expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import type { Relay, RelayOptions } from '../../services/server/relay.js'
import { connectTo, detailOf, exchanged, failureOf, type TestClient } from '../support/contract-client.js'
import { makeDevice, type TestDevice } from '../support/contract-device.js'
import { acceptedTo, application, createConversation, rejections } from '../support/contract-envelopes.js'
import { refusalOf } from '../support/contract-revocation.js'
import { contractServer, onAnyServer, onOwnServer, ownServer } from '../support/contract-server.js'

async function onServer(
  options: Partial<RelayOptions>,
  use: (client: TestClient, relay: Relay) => Promise<void>,
): Promise<void> {
  const server = await ownServer(options)
  const client = connectTo(server)
  await use(client, server.relay!)
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
}

const tryRegister = (client: TestClient, device: TestDevice, inviteToken = '') =>
  client.keyExchange(device, { deviceCertificate: device.certificate, inviteToken }).then(refusalOf)

describe('registration by invite', () => {
  onOwnServer('needs a token, which lets exactly one account in', async () => {
    await onServer({ registration: 'invite' }, async (client, relay) => {
      const [anna, bert] = [makeDevice(), makeDevice()]
      expect(await tryRegister(client, anna)).toBe('inviteNeeded')
      expect(await tryRegister(client, anna, 'AAAAAAAAAAAAAAAAAAAAAA')).toBe('inviteInvalid')
      const token = await relay.createInvite()
      expect(Buffer.from(token, 'base64url')).toHaveLength(16)
      expect(await tryRegister(client, anna, token)).toBeUndefined()
      expect(await tryRegister(client, anna, token)).toBeUndefined()
      expect(await tryRegister(client, bert, token)).toBe('inviteInvalid')
      expect(await tryRegister(client, makeDevice(anna))).toBeUndefined()
    })
  })

  onOwnServer('of many who come with one token at the same moment exactly one wins', async () => {
    await onServer({ registration: 'invite' }, async (client, relay) => {
      const token = await relay.createInvite()
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => tryRegister(client, makeDevice(), token)),
      )
      expect(outcomes.filter(outcome => outcome === undefined)).toHaveLength(1)
      expect(outcomes.filter(outcome => outcome === 'inviteInvalid')).toHaveLength(19)
    })
  })

  onOwnServer('a refusal for another cause leaves the token', async () => {
    await onServer({ registration: 'invite' }, async (client, relay) => {
      const token = await relay.createInvite()
      const anna = makeDevice()
      expect(await tryRegister(client, makeDevice({ handle: 'NO' }), token)).toBe('handleInvalid')
      expect(await tryRegister(client, anna, token)).toBeUndefined()
      const next = await relay.createInvite()
      expect(await tryRegister(client, makeDevice({ handle: anna.handle }), next)).toBe('handleTaken')
      expect(await tryRegister(client, makeDevice(), next)).toBeUndefined()
    })
  })

  onOwnServer('tokens are kept over a start, and not as they are', async () => {
    const server = await ownServer({ registration: 'invite', keep: true })
    const token = await server.relay!.createInvite()
    await server.stop()
    await onServer({ registration: 'invite', folder: server.folder! }, async client => {
      expect(await tryRegister(client, makeDevice(), token)).toBeUndefined()
    })
  })

  onOwnServer('the operator comes in without one', async () => {
    await onServer({ registration: 'invite' }, async (client, relay) => {
      const operator = makeDevice({ handle: 'operator' })
      relay.admitOperator(operator.account.publicKey)
      expect(await tryRegister(client, operator)).toBeUndefined()
    })
  })
})

describe('closed registration', () => {
  onOwnServer('takes no new account, whatever the token, and still further devices', async () => {
    const server = await ownServer({ keep: true })
    const own = connectTo(server)
    const anna = await own.register()
    own.close()
    await server.stop()
    await onServer({ registration: 'closed', folder: server.folder! }, async (client, relay) => {
      const token = await relay.createInvite()
      expect(await tryRegister(client, makeDevice(), token)).toBe('registrationClosed')
      expect(await tryRegister(client, makeDevice(anna))).toBeUndefined()
    })
  })
})

describe('open registration', () => {
  onAnyServer('takes no notice of a token', async () => {
    const client = connectTo(await contractServer())
    expect(await tryRegister(client, makeDevice(), 'whatever')).toBeUndefined()
  })
})

describe('a ban', () => {
  onOwnServer(
    'of an account ends its streams, refuses its proofs and registers nobody under it',
    async () => {
      await onServer({}, async (client, relay) => {
        const phone = await client.register()
        const laptop = await client.register(phone)
        const other = await client.register()
        const streams = [await client.open(phone), await client.open(laptop)]
        const stays = await client.open(other)
        await relay.ban({ handle: phone.handle })
        for (const stream of streams) {
          expect((await stream.take('closing')).reason.case).toBe('banned')
          expect(await stream.ended).toBeUndefined()
        }
        for (const device of [phone, laptop]) {
          const error = await failureOf(client.open(device))
          expect({ code: error.code, reason: detailOf(error).reason }).toEqual({
            code: 'UNAUTHENTICATED',
            reason: ErrorReason.BANNED,
          })
          expect(detailOf(await failureOf(client.keyExchange(device))).reason).toBe(ErrorReason.BANNED)
          expect(await tryRegister(client, device)).toBe('banned')
        }
        expect(await tryRegister(client, makeDevice(phone))).toBe('banned')
        await createConversation(stays)
        stays.end()
      })
    },
  )

  onOwnServer('of a device leaves the account its others', async () => {
    await onServer({}, async (client, relay) => {
      const phone = await client.register()
      const laptop = await client.register(phone)
      await relay.ban({ deviceId: laptop.id })
      exchanged(await client.keyExchange(phone))
      expect(await tryRegister(client, laptop)).toBe('banned')
    })
  })

  onOwnServer(
    'is listed, kept over a start, and lifted; what was stored meanwhile is delivered then',
    async () => {
      const server = await ownServer({ keep: true })
      const client = connectTo(server)
      const [anna, bert] = [await client.register(), await client.register()]
      const sender = await client.open(anna)
      const id = await createConversation(sender, [bert])
      await server.relay!.ban({ handle: bert.handle })
      await server.relay!.ban({ handle: bert.handle })
      await server.relay!.ban({ deviceId: anna.id })
      await server.relay!.unban({ deviceId: anna.id })
      const again = await client.open(anna)
      await again.send(application(id))
      await again.until(() => acceptedTo(again) === 2n)
      client.close()
      await server.stop()
      await onServer({ folder: server.folder! }, async (own, relay) => {
        expect(await relay.bans()).toEqual([{ handle: bert.handle, bannedAt: expect.any(Number) }])
        expect((await failureOf(own.open(bert))).code).toBe('UNAUTHENTICATED')
        expect(await relay.unban({ handle: bert.handle })).toBe(true)
        expect(await relay.unban({ handle: bert.handle })).toBe(false)
        expect(await relay.bans()).toEqual([])
        const reader = await own.open(bert)
        await reader.take('caughtUp')
        expect(reader.envelopes().map(({ envelope }) => envelope.case)).toEqual(['welcome', 'application'])
        reader.end()
      })
    },
  )

  onOwnServer('finds also the streams that are opened at the same moment', async () => {
    await onServer({}, async (client, relay) => {
      const devices = await Promise.all(Array.from({ length: 40 }, () => client.register()))
      const opened = devices.map(device => client.open(device))
      const banned = devices.map(({ id }) => relay.ban({ deviceId: id }))
      await Promise.all(banned)
      for (const result of await Promise.allSettled(opened)) {
        if (result.status === 'fulfilled')
          expect((await result.value.take('closing')).reason.case).toBe('banned')
        else expect(result.reason).toMatchObject({ code: 'UNAUTHENTICATED' })
      }
    })
  })

  onOwnServer('takes effect on what is sent at the same moment: nothing is accepted after it', async () => {
    await onServer({}, async (client, relay) => {
      const anna = await client.register()
      const stream = await client.open(anna)
      const id = await createConversation(stream)
      const banned = relay.ban({ handle: anna.handle })
      for (let count = 0; count < 20; count++) await stream.send(application(id)).catch(() => {})
      await banned
      await stream.ended
      const accepted = acceptedTo(stream)
      expect([...rejections(stream).values()].every(({ case: reason }) => reason !== 'malformed')).toBe(true)
      await relay.unban({ handle: anna.handle })
      const again = await client.open(anna)
      expect(again.opened.clientSequence).toBe(accepted)
      again.end()
    })
  })
})
