// A client sees of a store that fails a status that says no more; afterwards all is as the contract says, whether the
// write was lost or only its answer.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import {
  connectTo,
  detailOf,
  exchanged,
  failureOf,
  proofFor,
  type TestClient,
} from '../support/contract-client.js'
import {
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeRemoval,
  random,
} from '../support/contract-device.js'
import { acceptedTo, application, commit, createConversation } from '../support/contract-envelopes.js'
import { onOwnServer, openContractStore, ownServer, SMALL_LIMITS } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'
import { onAnyStore, onEveryStore } from '../support/contract-suite.js'
import { FaultyStore, type Half } from '../support/faulty-store.js'
import { withFolder } from '../support/folder.js'

const HALVES: readonly Half[] = ['lost', 'kept']

interface Scene {
  own: TestClient
  store: FaultyStore
  /** The messages of errors that the server took for defects so far. */
  defects(): string[]
}

function onFaultyStore(use: (scene: Scene) => Promise<void>): Promise<void> {
  return withFolder(async folder => {
    const limits = SMALL_LIMITS
    const store = new FaultyStore(await openContractStore({ folder, limits }))
    const server = await ownServer({ folder, store, limits, keep: true })
    const own = connectTo(server)
    const defects = () => server.defects.map(defect => (defect as { err: { message: string } }).err.message)
    await use({ own, store, defects })
    own.close()
    await server.stop()
  })
}

const texts = (stream: TestStream) =>
  stream
    .envelopes()
    .flatMap(({ envelope }) =>
      envelope.case === 'application' ? [Buffer.from(envelope.value.ciphertext).toString()] : [],
    )

const saying = (id: Uint8Array, text: string) => application(id, { ciphertext: Buffer.from(text) })

onEveryStore('an append that fails', () => {
  onOwnServer.each(HALVES)('(%s) ends the stream; what is sent again stands in the log once', half =>
    onFaultyStore(async ({ own, store, defects }) => {
      const [anna, bert] = [await own.register(), await own.register()]
      const reader = await own.open(bert)
      const sender = await own.open(anna)
      const id = await createConversation(sender, [bert])
      store.failNext('append', half)
      await sender.send(saying(id, 'one'), saying(id, 'two'))
      expect((await sender.ended)?.code).toBe('INTERNAL')
      expect(sender.frames.some(frame => frame.case === 'accepted' && frame.value.clientSequence > 1n)).toBe(
        false,
      )
      const again = await own.open(anna)
      expect(again.opened.clientSequence).toBe(half === 'kept' ? 3n : 1n)
      again.next = 2n
      await again.send(saying(id, 'one'), saying(id, 'two'), saying(id, 'three'))
      await again.until(() => acceptedTo(again) === 4n)
      await reader.until(() => texts(reader).includes('three'))
      expect(texts(reader)).toEqual(['one', 'two', 'three'])
      expect(defects()).toEqual([`append: ${half}`])
    }),
  )

  onOwnServer.each(HALVES)('(%s) leaves one commit an epoch, and the one that made it goes on', half =>
    onFaultyStore(async ({ own, store }) => {
      const [anna, bert] = [await own.register(), await own.register()]
      const sender = await own.open(anna)
      const id = await createConversation(sender, [bert])
      const other = await own.open(bert)
      store.failNext('append', half)
      await sender.send(commit(id))
      expect((await sender.ended)?.code).toBe('INTERNAL')
      const [number] = await other.send(commit(id))
      await other.until(() =>
        other.frames.some(({ case: which }) => which === 'accepted' || which === 'rejected'),
      )
      expect(acceptedTo(other)).toBe(half === 'kept' ? 0n : number!)
      const again = await own.open(anna)
      await again.send(application(id, { epoch: 2n }))
      await again.until(() => acceptedTo(again) === again.next - 1n)
    }),
  )
})

onEveryStore('a call whose write fails', () => {
  onOwnServer.each(HALVES)('(%s) can be made again: a registration', half =>
    onFaultyStore(async ({ own, store }) => {
      const device = makeDevice()
      const deviceList = own.list(device)
      const register = () => own.keyExchange(device, { deviceList })
      store.failNext('change', half)
      expect((await failureOf(register())).code).toBe('INTERNAL')
      exchanged(await register())
      expect((await own.open(device)).opened.clientSequence).toBe(0n)
    }),
  )

  onOwnServer.each(HALVES)('(%s) hands no key package out twice', half =>
    onFaultyStore(async ({ own, store }) => {
      const [anna, bert] = [await own.register(), await own.register()]
      const stock = [random(20), random(20)]
      exchanged(await own.keyExchange(anna, { keyPackages: stock }))
      const claim = async () => {
        const { claims } = exchanged(await own.keyExchange(bert, { claimHandles: [anna.handle] }))
        const { outcome } = claims[0]!
        return outcome.case === 'devices' ? outcome.value.devices[0]?.keyPackage : undefined
      }
      store.failNext('claim', half)
      await expect(claim()).rejects.toMatchObject({ code: 'INTERNAL' })
      const left = [await claim(), await claim(), await claim()]
      expect(left).toEqual(
        half === 'kept' ? [stock[1], new Uint8Array(), new Uint8Array()] : [...stock, new Uint8Array()],
      )
    }),
  )

  onOwnServer.each(HALVES)('(%s) never lets a proof count twice', half =>
    onFaultyStore(async ({ own, store }) => {
      const device = await own.register()
      const proof = proofFor(own.server, device, METHOD_KEY_EXCHANGE)
      store.failNext('spendNonce', half)
      expect((await failureOf(own.keyExchange(device, { proof }))).code).toBe('INTERNAL')
      if (half === 'lost') exchanged(await own.keyExchange(device, { proof }))
      expect(detailOf(await failureOf(own.keyExchange(device, { proof }))).reason).toBe(ErrorReason.REPLAYED)
      exchanged(await own.keyExchange(device))
    }),
  )

  onOwnServer.each(HALVES)('(%s) revokes a device or leaves it, and nothing between', half =>
    onFaultyStore(async ({ own, store }) => {
      const phone = await own.register()
      const laptop = await own.register(phone)
      const deviceRemovals = [makeRemoval(phone, laptop)]
      store.failNext('change', half)
      expect((await failureOf(own.keyExchange(phone, { deviceRemovals }))).code).toBe('INTERNAL')
      const lookup = async () => {
        const { lookups } = exchanged(await own.keyExchange(phone, { lookupHandles: [phone.handle] }))
        const { outcome } = lookups[0]!
        return outcome.case === 'devices' ? outcome.value.removals.length : -1
      }
      expect(await lookup()).toBe(half === 'kept' ? 1 : 0)
      if (half === 'kept')
        expect(detailOf(await failureOf(own.keyExchange(laptop))).reason).toBe(ErrorReason.REVOKED)
      exchanged(await own.keyExchange(phone, { deviceRemovals }))
      expect(await lookup()).toBe(1)
    }),
  )
})

onAnyStore('a defect of the store', () => {
  onOwnServer.each(['read', 'acknowledge'] as const)(
    'in %s is one, of whatever kind, and is logged',
    operation =>
      onFaultyStore(async ({ own, store, defects }) => {
        const [anna, bert] = [await own.register(), await own.register()]
        const sender = await own.open(anna)
        const reader = await own.open(bert)
        await reader.take('caughtUp')
        store.failNext(operation, 'lost', new RangeError('Invalid array length'))
        await sender.send(commit(random(16), { epoch: 0n, creates: true, added: [bert] }))
        // The failure ends the one of the two streams that came to it first.
        const error = await Promise.race([reader.ended, sender.ended])
        expect(error).toMatchObject({ code: 'INTERNAL' })
        expect(error?.message).not.toMatch('array')
        expect(defects()).toEqual(['Invalid array length'])
      }),
  )

  onOwnServer('is not what a client’s wrong cursor is', () =>
    onFaultyStore(async ({ own, defects }) => {
      const device = await own.register()
      const stream = await own.open(device)
      await stream.ack(random(7))
      const error = await stream.ended
      expect(error?.code).toBe('INVALID_ARGUMENT')
      expect(detailOf(error).reason).toBe(ErrorReason.BAD_CURSOR)
      expect(defects()).toEqual([])
    }),
  )
})

onEveryStore('a store that is slow', () => {
  onOwnServer('has a newer stream wait for what the older one sent before Opened tells the number', () =>
    onFaultyStore(async ({ own, store }) => {
      const device = await own.register()
      const older = await own.open(device)
      const id = await createConversation(older)
      const append = store.hold('append')
      await older.send(...Array.from({ length: 20 }, () => application(id)))
      await append.begun
      const nonces = store.hold('spendNonce')
      const opening = own.open(device)
      await nonces.begun
      nonces.release()
      // By now a newer stream that waits for nothing has asked for the number.
      for (let turn = 0; turn < 50; turn++) await nextTurn()
      expect(store.calls('clientSequence')).toBe(1)
      append.release()
      const newer = await opening
      expect(newer.opened.clientSequence).toBe(21n)
      expect(acceptedTo(older)).toBe(21n)
      expect(await older.ended).toBeUndefined()
      const [number] = await newer.send(application(id))
      await newer.until(() => acceptedTo(newer) === number)
    }),
  )

  onOwnServer('has frames wait, and then answers them in their order', () =>
    onFaultyStore(async ({ own, store }) => {
      const stream = await own.open(await own.register())
      const id = await createConversation(stream)
      const append = store.hold('append')
      await stream.send(application(id))
      await append.begun
      // As many as the stream may have waiting, and one frame more.
      const sends = Array.from({ length: 1_024 / SMALL_LIMITS.envelopesPerSend + 1 }, () =>
        stream.send(...Array.from({ length: SMALL_LIMITS.envelopesPerSend }, () => saying(id, 'x'))),
      )
      await Promise.all(sends)
      await stream.write({ frame: { case: 'ping', value: { nonce: 7n } } })
      // Other calls of the same connection are answered: what was written before has arrived.
      for (let calls = 0; calls < 10; calls++) await own.register()
      append.release()
      await stream.until(() => acceptedTo(stream) === stream.next - 1n)
      await stream.take('pong')
      const answers = stream.frames.flatMap(frame => {
        if (frame.case === 'accepted') return frame.value.clientSequence > 1n ? 'accepted' : 'created'
        return frame.case === 'pong' ? 'pong' : []
      })
      expect(answers.slice(0, 2)).toEqual(['created', 'accepted'])
    }),
  )
})

onEveryStore('a proof', () => {
  onOwnServer('for a stream that the store could not spend leaves no stream behind', () =>
    onFaultyStore(async ({ own, store }) => {
      const device = await own.register()
      for (const operation of ['spendNonce', 'clientSequence', 'device'] as const) {
        store.failNext(operation, 'lost')
        const proof = proofFor(own.server, device, METHOD_CHAT)
        expect((await failureOf(own.open(device, { proof }))).code).toBe('INTERNAL')
      }
      const stream = await own.open(device)
      await createConversation(stream)
    }),
  )
})
