import { expect } from '@jest/globals'
import { connectTo } from '../support/contract-client.js'
import { makeDevice, random } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  rejectionOf,
  rejections,
} from '../support/contract-envelopes.js'
import { onAnyServer, onOwnServer, ownServer, SMALL_LIMITS } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'
import { client, onAnyStore, onEveryStore } from '../support/contract-suite.js'

async function openNew(): Promise<TestStream> {
  return client.open(await client.register())
}

const ownNumbers = (stream: TestStream) =>
  stream
    .envelopes()
    .flatMap(({ envelope }) => (envelope.case === 'own' ? [envelope.value.clientSequence] : []))

onEveryStore('the numbers of sends', () => {
  onAnyServer(
    'every send is answered, many in one frame, and stands in the log once and in order',
    async () => {
      const stream = await openNew()
      const id = await createConversation(stream)
      const numbers = await stream.send(...Array.from({ length: 50 }, () => application(id)))
      await stream.until(() => acceptedTo(stream) === numbers.at(-1) && ownNumbers(stream).length === 51)
      expect(ownNumbers(stream)).toEqual(Array.from({ length: 51 }, (_, index) => BigInt(index + 1)))
      stream.end()
    },
  )

  onAnyServer('a repetition is accepted again and not stored again', async () => {
    const stream = await openNew()
    const id = await createConversation(stream)
    const [number] = await stream.send(application(id))
    await stream.until(() => acceptedTo(stream) === number)
    const before = stream.frames.length
    const again = { ...application(id), clientSequence: number! }
    await stream.write({ frame: { case: 'send', value: { envelopes: [again] } } })
    await stream.until(() => stream.frames.slice(before).some(frame => frame.case === 'accepted'))
    const [last] = await stream.send(application(id))
    await stream.until(() => ownNumbers(stream).includes(last!))
    expect(ownNumbers(stream)).toEqual([1n, number, last])
    stream.end()
  })

  onAnyServer('a number that is not the next one is rejected with the one that is', async () => {
    const stream = await openNew()
    const id = await createConversation(stream)
    stream.next = 5n
    const reason = await rejectionOf(stream, application(id))
    expect(reason).toMatchObject({ case: 'outOfOrder', value: { expected: 2n } })
    stream.end()
  })

  onAnyServer(
    'after a rejection everything is out of order until the number comes again, with another envelope',
    async () => {
      const stream = await openNew()
      const id = await createConversation(stream)
      await stream.send(application(id), application(random(16)), application(id), application(id))
      await stream.until(() => rejections(stream).size === 3)
      expect([...rejections(stream)].map(([number, reason]) => [number, reason.case])).toEqual([
        [3n, 'unknownConversation'],
        [4n, 'outOfOrder'],
        [5n, 'outOfOrder'],
      ])
      expect(acceptedTo(stream)).toBe(2n)
      stream.next = 3n
      await stream.send(application(id), application(id))
      await stream.until(() => acceptedTo(stream) === 4n)
      stream.end()
    },
  )

  onAnyServer('go on over conversations and streams; Opened tells the highest that is stored', async () => {
    const device = await client.register()
    const first = await client.open(device)
    const [one, two] = [await createConversation(first), await createConversation(first)]
    await first.send(application(one), application(two))
    await first.until(() => acceptedTo(first) === 4n)
    first.end()
    await first.ended
    const second = await client.open(device)
    expect(second.opened.clientSequence).toBe(4n)
    second.end()
  })

  onAnyServer('exactly once: a line that breaks in the middle of sending, again and again', async () => {
    const device = await client.register()
    const reader = await client.register()
    const listening = await client.open(reader)
    let stream = await client.open(device)
    const id = await createConversation(stream, [reader])
    const texts = Array.from({ length: 200 }, (_, index) => Buffer.from(`line ${index} `))
    const toSend = () =>
      texts.slice(Number(stream.next) - 2).map(ciphertext => application(id, { ciphertext }))
    for (let round = 0; acceptedTo(stream) < 201n && stream.opened.clientSequence < 201n; round++) {
      for (const each of toSend()) await stream.send(each).catch(() => {})
      if (round < 5) {
        await stream.until(() => acceptedTo(stream) > stream.opened.clientSequence)
        stream.abort()
        await stream.ended
        stream = await client.open(device)
      } else await stream.until(() => acceptedTo(stream) === 201n)
    }
    const received = () =>
      listening
        .envelopes()
        .flatMap(({ envelope }) =>
          envelope.case === 'application' ? [Buffer.from(envelope.value.ciphertext)] : [],
        )
    await listening.until(() => received().length >= texts.length)
    expect(received().map(String)).toEqual(texts.map(String))
    stream.end()
    listening.end()
  })
})

onEveryStore('a send is rejected, and the stream goes on', () => {
  onAnyServer('when its conversation is unknown', async () => {
    const stream = await openNew()
    expect((await rejectionOf(stream, application(random(16)))).case).toBe('unknownConversation')
    expect((await rejectionOf(stream, commit(random(16)))).case).toBe('unknownConversation')
    await createConversation(stream)
    stream.end()
  })

  onAnyServer('when the sender is not a member', async () => {
    const [stream, other] = [await openNew(), await openNew()]
    const id = await createConversation(stream)
    expect((await rejectionOf(other, application(id))).case).toBe('notAMember')
    expect((await rejectionOf(other, commit(id))).case).toBe('notAMember')
    stream.end()
    other.end()
  })

  onAnyServer('when it is too large: at the limit it is taken', async () => {
    const stream = await openNew()
    const id = await createConversation(stream)
    const limit = stream.opened.limits!.applicationBytes
    await stream.send(application(id, { ciphertext: random(limit) }))
    const reason = await rejectionOf(stream, application(id, { ciphertext: random(limit + 1) }))
    expect(reason).toMatchObject({ case: 'tooLarge', value: { limitBytes: limit } })
    const bundle = stream.opened.limits!.commitBundleBytes
    const large = await rejectionOf(stream, commit(id, { commit: random(bundle) }))
    expect(large).toMatchObject({ case: 'tooLarge', value: { limitBytes: bundle } })
    stream.end()
  })

  onAnyServer.each<[string, Uint8Array]>([
    ['15 bytes', random(15)],
    ['17 bytes', random(17)],
    ['none', new Uint8Array()],
  ])('when its conversation id has %s', async (_, id) => {
    const stream = await openNew()
    const reason = await rejectionOf(stream, commit(id, { epoch: 0n, creates: true }))
    expect(reason.case === 'malformed' && reason.value.detail.length).toBeGreaterThan(0)
    stream.end()
  })

  onOwnServer(
    'when the disk is full; what was accepted is still there, and calls say why they fail',
    async () => {
      const server = await ownServer({ maxBytes: 1024 * 1024 })
      const own = connectTo(server)
      const device = await own.register()
      const stream = await own.open(device)
      const id = await createConversation(stream)
      const large = () => application(id, { ciphertext: random(64 * 1024) })
      while (rejections(stream).size === 0) {
        const [number] = await stream.send(large())
        await stream.until(() => acceptedTo(stream) >= number! || rejections(stream).size > 0)
      }
      const reason = [...rejections(stream).values()][0]!
      expect(reason.case === 'storageFull' && reason.value.retryAfterMs).toBeGreaterThan(0)
      const accepted = acceptedTo(stream)
      stream.end()
      await stream.ended
      await expect(
        own.keyExchange(device, { keyPackages: Array.from({ length: 99 }, () => random(8_000)) }),
      ).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', message: expect.stringContaining('full') })
      const after = await own.open(device)
      expect(after.opened.clientSequence).toBe(accepted)
      await after.until(() => ownNumbers(after).length === Number(accepted))
      own.close()
      await server.stop()
    },
  )
})

onAnyStore('a send that comes too fast is rejected', () => {
  onAnyServer('with the time to wait; waiting helps', async () => {
    const stream = await openNew()
    const id = await createConversation(stream)
    const { sendsPerSecond, envelopesPerSend } = stream.opened.limits!
    // A burst may be allowed; nobody is let send for half a minute at once.
    for (let sent = 0; sent < sendsPerSecond * 30 && rejections(stream).size === 0; sent += envelopesPerSend)
      await stream.send(...Array.from({ length: envelopesPerSend }, () => application(id)))
    await stream.until(() => rejections(stream).size > 0)
    const [number, reason] = [...rejections(stream)][0]!
    if (reason.case !== 'rateLimited') throw new Error(`rejected for ${reason.case}`)
    expect(reason.value.retryAfterMs).toBeGreaterThan(0)
    expect(acceptedTo(stream)).toBe(number - 1n)
    await new Promise(resolve => setTimeout(resolve, reason.value.retryAfterMs))
    stream.next = number
    await stream.send(application(id))
    await stream.until(() => acceptedTo(stream) === number)
    stream.end()
  })

  onOwnServer('by the device and not by the stream: a new one does not help', async () => {
    const server = await ownServer({ limits: { sendsPerSecond: 1 } })
    const own = connectTo(server)
    const device = await own.register()
    let stream = await own.open(device)
    const id = await createConversation(stream)
    await stream.send(application(id), application(id), application(id), application(id), application(id))
    await stream.until(() => rejections(stream).size > 0)
    stream.end()
    await stream.ended
    stream = await own.open(device)
    const twelve = Array.from({ length: 12 }, () => application(id))
    await stream.send(...twelve)
    await stream.until(() => rejections(stream).size > 0)
    expect(Number(acceptedTo(stream) - stream.opened.clientSequence)).toBeLessThan(5)
    own.close()
    await server.stop()
  })
})

onEveryStore('a commit that creates a conversation', () => {
  onAnyServer('is rejected when there is one', async () => {
    const stream = await openNew()
    const id = await createConversation(stream)
    expect((await rejectionOf(stream, commit(id, { epoch: 0n, creates: true }))).case).toBe(
      'conversationExists',
    )
    stream.end()
  })

  onAnyServer('is rejected when it adds a device that is not registered', async () => {
    const stream = await openNew()
    const stranger = makeDevice()
    const reason = await rejectionOf(
      stream,
      commit(random(16), { epoch: 0n, creates: true, added: [stranger] }),
    )
    expect(reason).toMatchObject({ case: 'unknownDevice', value: { deviceId: stranger.id } })
    stream.end()
  })

  onOwnServer('is rejected above the limit of members, and of conversations', async () => {
    const stream = await openNew()
    const { devicesPerConversation, conversationsPerDevice } = SMALL_LIMITS
    const added = await Promise.all(Array.from({ length: devicesPerConversation }, () => client.register()))
    const many = await rejectionOf(stream, commit(random(16), { epoch: 0n, creates: true, added }))
    expect(many).toMatchObject({ case: 'tooManyMembers', value: { limit: devicesPerConversation } })
    for (let count = 0; count < conversationsPerDevice; count++) await createConversation(stream)
    const over = await rejectionOf(stream, commit(random(16), { epoch: 0n, creates: true }))
    expect(over).toMatchObject({ case: 'tooManyConversations', value: { limit: conversationsPerDevice } })
    stream.end()
  })
})
