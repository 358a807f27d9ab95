import { expect } from '@jest/globals'
import { connectTo } from '../support/contract-client.js'
import { random } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  ephemeral,
} from '../support/contract-envelopes.js'
import { onAnyServer, onOwnServer, ownServer } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'
import { client, onEveryStore } from '../support/contract-suite.js'

async function send(stream: TestStream, id: Uint8Array, lines: string[]): Promise<void> {
  const numbers = await stream.send(...lines.map(line => application(id, { ciphertext: Buffer.from(line) })))
  await stream.until(() => acceptedTo(stream) >= numbers.at(-1)!)
}

const texts = (stream: TestStream) =>
  stream
    .envelopes()
    .flatMap(({ envelope }) =>
      envelope.case === 'application' ? [Buffer.from(envelope.value.ciphertext).toString()] : [],
    )

const deliveries = (stream: TestStream) =>
  stream.frames.filter(frame => frame.case === 'deliver' && frame.value.cursor.length > 0).length

const lines = (count: number, name = 'line') =>
  Array.from({ length: count }, (_, index) => `${name} ${index}`)

onEveryStore('the log', () => {
  onAnyServer('all members see one order, whoever sends and however it mixes', async () => {
    const devices = await Promise.all(Array.from({ length: 4 }, () => client.register()))
    const streams = await Promise.all(devices.map(device => client.open(device)))
    const id = await createConversation(streams[0]!, devices.slice(1))
    await Promise.all(streams.slice(1).map(stream => stream.until(() => stream.envelopes().length === 1)))
    await Promise.all(
      streams.map(async (stream, index) => {
        for (const line of lines(25, `of ${index}`))
          await stream.send(application(id, { ciphertext: Buffer.from(line) }))
      }),
    )
    const order = (stream: TestStream) => stream.envelopes().map(({ sequence }) => sequence)
    for (const stream of streams) await stream.until(() => stream.envelopes().length === 101)
    for (const stream of streams) {
      expect(order(stream)).toEqual(order(streams[0]!))
      expect(
        order(stream).every((sequence, index) => index === 0 || sequence > order(stream)[index - 1]!),
      ).toBe(true)
      stream.end()
    }
  })

  onAnyServer('a device that comes back with its cursor gets exactly what it has not saved', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const sender = await client.open(anna)
    let reader = await client.open(bert)
    const id = await createConversation(sender, [bert])
    await send(sender, id, lines(10, 'before'))
    await reader.until(() => texts(reader).length === 10)
    const cursor = reader.cursor()
    reader.abort()
    for (const part of [0, 50, 100]) await send(sender, id, lines(150, 'away').slice(part, part + 50))
    reader = await client.open(bert, { cursor })
    await reader.take('caughtUp')
    expect(texts(reader)).toEqual(lines(150, 'away'))
    reader.end()
    sender.end()
  })

  onAnyServer('an empty cursor begins at the beginning; a cursor in the middle in the middle', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const sender = await client.open(anna)
    const id = await createConversation(sender, [bert])
    await send(sender, id, lines(64, 'first'))
    const whole = await client.open(bert, { ack: false })
    await whole.take('caughtUp')
    expect(texts(whole)).toEqual(lines(64, 'first'))
    const first = whole.frames.find(frame => frame.case === 'deliver')
    whole.end()
    await whole.ended
    const cursor = first?.case === 'deliver' ? first.value.cursor : new Uint8Array()
    const held = first?.case === 'deliver' ? first.value.envelopes.length : 0
    const part = await client.open(bert, { cursor })
    await part.take('caughtUp')
    expect(part.envelopes()).toHaveLength(65 - held)
    part.end()
    sender.end()
  })

  onAnyServer('is not shown to who is no member', async () => {
    const [anna, carl] = [await client.register(), await client.register()]
    const [sender, stranger] = [await client.open(anna), await client.open(carl)]
    const id = await createConversation(sender)
    await send(sender, id, lines(3))
    await stranger.write({ frame: { case: 'ping', value: { nonce: 3n } } })
    await stranger.take('pong')
    expect(stranger.envelopes()).toEqual([])
    sender.end()
    stranger.end()
  })
})

onEveryStore('CaughtUp', () => {
  onAnyServer('comes once a stream, after all that was there, also where there was nothing', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const sender = await client.open(anna)
    await sender.take('caughtUp')
    const id = await createConversation(sender, [bert])
    await send(sender, id, lines(40))
    const reader = await client.open(bert)
    await reader.take('caughtUp')
    expect(texts(reader)).toEqual(lines(40))
    await send(sender, id, lines(40, 'live'))
    await reader.until(() => texts(reader).length === 80)
    expect(reader.frames.filter(frame => frame.case === 'caughtUp')).toHaveLength(1)
    reader.end()
    sender.end()
  })
})

onEveryStore('the window', () => {
  onAnyServer('the server waits at the limit of unacked deliveries, and goes on after an ack', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const sender = await client.open(anna)
    const id = await createConversation(sender, [bert])
    const reader = await client.open(bert, { ack: false })
    const window = reader.opened.limits!.unackedDeliveries
    for (let count = 0; count < window + 5; count++) {
      await send(sender, id, [`line ${count}`])
      await reader.until(() => deliveries(reader) > Math.min(count, window - 1))
    }
    // A pong shows that the server has had its time.
    await reader.write({ frame: { case: 'ping', value: { nonce: 1n } } })
    await reader.take('pong')
    expect(deliveries(reader)).toBe(window)
    expect(reader.frames.some(frame => frame.case === 'caughtUp')).toBe(true)
    await reader.ack(reader.cursor())
    await reader.until(() => texts(reader).length === window + 5)
    expect(texts(reader)).toEqual(lines(window + 5))
    reader.end()
    sender.end()
  })

  onAnyServer(
    'an ack of an earlier delivery opens it by as many, and one that comes twice does no harm',
    async () => {
      const [anna, bert] = [await client.register(), await client.register()]
      const sender = await client.open(anna)
      const id = await createConversation(sender, [bert])
      const reader = await client.open(bert, { ack: false })
      const window = reader.opened.limits!.unackedDeliveries
      for (let count = 0; count < window + 5; count++) {
        await send(sender, id, [`line ${count}`])
        await reader.until(() => deliveries(reader) > Math.min(count, window - 1))
      }
      const first = reader.frames.find(frame => frame.case === 'deliver')
      const cursor = first?.case === 'deliver' ? first.value.cursor : new Uint8Array()
      await reader.ack(cursor)
      await reader.until(() => deliveries(reader) === window + 1)
      await reader.ack(cursor)
      await reader.write({ frame: { case: 'ping', value: { nonce: 1n } } })
      await reader.take('pong')
      expect(deliveries(reader)).toBe(window + 1)
      reader.end()
      sender.end()
    },
  )
})

onEveryStore('a slow reader', () => {
  onAnyServer('costs its own time only', async () => {
    const [anna, bert, carl] = await Promise.all([client.register(), client.register(), client.register()])
    // A connection of its own: what is unread fills its flow control window, which streams share.
    const slowClient = connectTo(client.server)
    const slow = await slowClient.open(bert)
    const [sender, quick] = [await client.open(anna), await client.open(carl)]
    const id = await createConversation(sender, [bert, carl])
    slow.pause()
    const large = 'x'.repeat(4000)
    for (let count = 0; count < 15; count++) await send(sender, id, lines(40, large))
    await quick.until(() => texts(quick).length === 600)
    expect(texts(slow).length).toBeLessThan(600)
    slow.resume()
    await slow.until(() => texts(slow).length === 600)
    expect(texts(slow)).toEqual(texts(quick))
    for (const stream of [slow, sender, quick]) stream.end()
  })
})

onEveryStore('ephemeral envelopes', () => {
  onAnyServer(
    'reach the other members whose streams are open, unstored, unnumbered and unanswered',
    async () => {
      const [anna, bert, carl] = await Promise.all([client.register(), client.register(), client.register()])
      const [sender, reader] = [await client.open(anna), await client.open(bert)]
      const id = await createConversation(sender, [bert, carl])
      await reader.until(() => reader.envelopes().length === 1)
      const before = reader.cursor()
      const outgoing = ephemeral(id, random(20))
      await sender.send(outgoing)
      await reader.until(() => reader.envelopes().length === 2)
      const frame = reader.frames.findLast(({ case: which }) => which === 'deliver')
      expect(frame).toMatchObject({ value: { cursor: new Uint8Array() } })
      expect(reader.envelopes().at(-1)).toMatchObject({
        conversationId: id,
        sequence: 0n,
        envelope: outgoing.envelope!,
      })
      expect(reader.cursor()).toEqual(before)
      await send(sender, id, ['after'])
      const late = await client.open(carl)
      await late.take('caughtUp')
      expect(late.envelopes().map(({ envelope }) => envelope.case)).toEqual(['welcome', 'application'])
      await sender.until(() => sender.envelopes().length === 2)
      expect(sender.envelopes().map(({ envelope }) => envelope.case)).toEqual(['own', 'own'])
      for (const stream of [sender, reader, late]) stream.end()
    },
  )

  onAnyServer(
    'go nowhere from who is no member, and in one frame with others the others are stored',
    async () => {
      const [anna, bert] = [await client.register(), await client.register()]
      const [sender, reader] = [await client.open(anna), await client.open(bert)]
      const id = await createConversation(sender)
      await reader.send(
        ephemeral(id),
        commit(random(16), { epoch: 0n, creates: true }),
        ephemeral(random(16)),
      )
      await reader.until(() => acceptedTo(reader) === 1n)
      expect(sender.envelopes().some(({ envelope }) => envelope.case === 'ephemeral')).toBe(false)
      sender.end()
      reader.end()
    },
  )
})

onEveryStore('retention', () => {
  onOwnServer('a device that comes too late is told what it missed, and the rest follows', async () => {
    const server = await ownServer({ limits: { retentionSeconds: 1 }, retentionEveryMs: 100 })
    const own = connectTo(server)
    const [anna, bert] = [await own.register(), await own.register()]
    const sender = await own.open(anna)
    const id = await createConversation(sender, [bert])
    let reader = await own.open(bert)
    await reader.until(() => reader.envelopes().length === 1)
    const cursor = reader.cursor()
    reader.end()
    await reader.ended
    await send(sender, id, lines(5))
    // Looked at on a stream of its own each time, until the log has been cleared.
    const missed = async () => {
      reader = await own.open(bert, { cursor, ack: false })
      await reader.take('caughtUp')
      const found = reader.envelopes().some(({ envelope }) => envelope.case === 'missed')
      if (found) return true
      reader.end()
      await reader.ended
      return false
    }
    while (!(await missed()));
    await send(sender, id, ['after'])
    await reader.until(() => texts(reader).includes('after'))
    const kinds = reader.envelopes().map(({ envelope }) => envelope.case)
    expect(kinds.at(0)).toBe('missed')
    expect(kinds.at(-1)).toBe('application')
    const first = reader.envelopes()[0]!
    expect(first).toMatchObject({ conversationId: id, envelope: { value: { count: 5n } } })
    own.close()
    await server.stop()
    expect(server.defects).toEqual([])
  })
})
