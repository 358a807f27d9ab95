import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { accountKey } from '../../services/protocol/keys.js'
import {
  connectTo,
  detailOf,
  exchanged,
  failureOf,
  refusalOf,
  type TestClient,
} from '../support/contract-client.js'
import { makeDevice, type TestDevice } from '../support/contract-device.js'
import { acceptedTo, application, createConversation, rejections } from '../support/contract-envelopes.js'
import { onAnyServer, onOwnServer, ownServer } from '../support/contract-server.js'
import { client, onEveryStore, withOwnServer } from '../support/contract-suite.js'

const tryRegister = (own: TestClient, device: TestDevice, inviteToken = '') =>
  own.keyExchange(device, { deviceList: own.list(device), inviteToken }).then(refusalOf)

onEveryStore('registration by invite', () => {
  onOwnServer('needs a token, which lets exactly one account in', async () => {
    await withOwnServer({ registration: 'invite' }, async (own, { relay }) => {
      const [anna, bert] = [makeDevice(), makeDevice()]
      expect(await tryRegister(own, anna)).toBe('inviteNeeded')
      expect(await tryRegister(own, anna, 'AAAAAAAAAAAAAAAAAAAAAA')).toBe('inviteInvalid')
      const token = await relay.createInvite()
      expect(Buffer.from(token, 'base64url')).toHaveLength(16)
      expect(await tryRegister(own, anna, token)).toBeUndefined()
      expect(await tryRegister(own, anna, token)).toBeUndefined()
      expect(await tryRegister(own, bert, token)).toBe('inviteInvalid')
      expect(await tryRegister(own, makeDevice(anna))).toBeUndefined()
    })
  })

  onOwnServer('of many who come with one token at the same moment exactly one wins', async () => {
    await withOwnServer({ registration: 'invite' }, async (own, { relay }) => {
      const token = await relay.createInvite()
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => tryRegister(own, makeDevice(), token)),
      )
      expect(outcomes.filter(outcome => outcome === undefined)).toHaveLength(1)
      expect(outcomes.filter(outcome => outcome === 'inviteInvalid')).toHaveLength(19)
    })
  })

  onOwnServer('a refusal for another cause leaves the token', async () => {
    await withOwnServer({ registration: 'invite' }, async (own, { relay }) => {
      const token = await relay.createInvite()
      const anna = makeDevice()
      expect(await tryRegister(own, makeDevice({ handle: 'NO' }), token)).toBe('handleInvalid')
      expect(await tryRegister(own, anna, token)).toBeUndefined()
      const next = await relay.createInvite()
      expect(await tryRegister(own, makeDevice({ handle: anna.handle }), next)).toBe('handleTaken')
      expect(await tryRegister(own, makeDevice(), next)).toBeUndefined()
    })
  })

  onOwnServer('tokens are kept over a start, and not as they are', async () => {
    const server = await ownServer({ registration: 'invite', keep: true })
    const token = await server.relay!.createInvite()
    await server.stop()
    await withOwnServer({ registration: 'invite', folder: server.folder! }, async own => {
      expect(await tryRegister(own, makeDevice(), token)).toBeUndefined()
    })
  })

  onOwnServer('the operator comes in without one', async () => {
    await withOwnServer({ registration: 'invite' }, async (own, { relay }) => {
      const operator = makeDevice({ handle: 'operator' })
      relay.admitOperator(accountKey(operator.account.publicKey))
      expect(await tryRegister(own, operator)).toBeUndefined()
    })
  })
})

onEveryStore('closed registration', () => {
  onOwnServer('takes no new account, whatever the token, and still further devices', async () => {
    const server = await ownServer({ keep: true })
    const own = connectTo(server)
    const anna = await own.register()
    own.close()
    await server.stop()
    await withOwnServer({ registration: 'closed', folder: server.folder! }, async (own, { relay }) => {
      const token = await relay.createInvite()
      expect(await tryRegister(own, makeDevice(), token)).toBe('registrationClosed')
      expect(await tryRegister(own, makeDevice(anna))).toBeUndefined()
    })
  })
})

onEveryStore('open registration', () => {
  onAnyServer('takes no notice of a token', async () => {
    expect(await tryRegister(client, makeDevice(), 'whatever')).toBeUndefined()
  })
})

onEveryStore('a ban', () => {
  onOwnServer(
    'of an account ends its streams, refuses its proofs and registers nobody under it',
    async () => {
      await withOwnServer({}, async (own, { relay }) => {
        const phone = await own.register()
        const laptop = await own.register(phone)
        const other = await own.register()
        const streams = [await own.open(phone), await own.open(laptop)]
        const stays = await own.open(other)
        await relay.ban({ handle: phone.handle })
        for (const stream of streams) {
          expect((await stream.take('closing')).reason.case).toBe('banned')
          expect(await stream.ended).toBeUndefined()
        }
        for (const device of [phone, laptop]) {
          const error = await failureOf(own.open(device))
          expect({ code: error.code, reason: detailOf(error).reason }).toEqual({
            code: 'UNAUTHENTICATED',
            reason: ErrorReason.BANNED,
          })
          expect(detailOf(await failureOf(own.keyExchange(device))).reason).toBe(ErrorReason.BANNED)
          expect(await tryRegister(own, device)).toBe('banned')
        }
        expect(await tryRegister(own, makeDevice(phone))).toBe('banned')
        await createConversation(stays)
        stays.end()
      })
    },
  )

  onOwnServer('of a device leaves the account its others', async () => {
    await withOwnServer({}, async (own, { relay }) => {
      const phone = await own.register()
      const laptop = await own.register(phone)
      await relay.ban({ deviceId: laptop.id })
      exchanged(await own.keyExchange(phone))
      expect(await tryRegister(own, laptop)).toBe('banned')
    })
  })

  onOwnServer(
    'is listed, kept over a start, and lifted; what was stored meanwhile is delivered then',
    async () => {
      const server = await ownServer({ keep: true })
      const own = connectTo(server)
      const [anna, bert] = [await own.register(), await own.register()]
      const sender = await own.open(anna)
      const id = await createConversation(sender, [bert])
      await server.relay!.ban({ handle: bert.handle })
      await server.relay!.ban({ handle: bert.handle })
      await server.relay!.ban({ deviceId: anna.id })
      await server.relay!.unban({ deviceId: anna.id })
      const again = await own.open(anna)
      await again.send(application(id))
      await again.until(() => acceptedTo(again) === 2n)
      own.close()
      await server.stop()
      await withOwnServer({ folder: server.folder! }, async (own, { relay }) => {
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
    await withOwnServer({}, async (own, { relay }) => {
      const devices = await Promise.all(Array.from({ length: 40 }, () => own.register()))
      const opened = devices.map(device => own.open(device))
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
    await withOwnServer({}, async (own, { relay }) => {
      const anna = await own.register()
      const stream = await own.open(anna)
      const id = await createConversation(stream)
      const banned = relay.ban({ handle: anna.handle })
      for (let count = 0; count < 20; count++) await stream.send(application(id)).catch(() => {})
      await banned
      await stream.ended
      const accepted = acceptedTo(stream)
      expect([...rejections(stream).values()].every(({ case: reason }) => reason !== 'malformed')).toBe(true)
      await relay.unban({ handle: anna.handle })
      const again = await own.open(anna)
      expect(again.opened.clientSequence).toBe(accepted)
      again.end()
    })
  })
})
