import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { connectTo, detailOf, failureOf } from '../support/contract-client.js'
import { acceptedTo, application, createConversation } from '../support/contract-envelopes.js'
import { onAnyServer, onOwnServer, ownServer } from '../support/contract-server.js'
import { client, onAnyStore, onEveryStore, withOwnServer } from '../support/contract-suite.js'

onAnyStore('ping and pong', () => {
  onAnyServer('every ping is answered with its nonce, in order', async () => {
    const stream = await client.open(await client.register())
    const nonces = [1n, 0n, 18446744073709551615n, 7n]
    for (const nonce of nonces) await stream.write({ frame: { case: 'ping', value: { nonce } } })
    for (const nonce of nonces) expect((await stream.take('pong')).nonce).toBe(nonce)
    stream.end()
  })

  onOwnServer('a silent client that answers pings stays', async () => {
    await withOwnServer({ timing: { pingIntervalMs: 100, deadAfterMs: 1500 } }, async own => {
      const stream = await own.open(await own.register())
      await stream.until(() => stream.frames.filter(frame => frame.case === 'ping').length === 20)
      await createConversation(stream)
    })
  })

  onOwnServer('one that answers nothing is ended, and says so', async () => {
    await withOwnServer({ timing: { pingIntervalMs: 100, deadAfterMs: 600 } }, async own => {
      const stream = await own.open(await own.register(), { pong: false, ack: false })
      const error = await stream.ended
      expect(error?.code).toBe('DEADLINE_EXCEEDED')
      expect(detailOf(error).reason).toBe(ErrorReason.DEAD)
      expect(stream.frames.some(frame => frame.case === 'ping')).toBe(true)
    })
  })
})

onEveryStore('one stream a device', () => {
  onAnyServer('a newer one supersedes the older, which ends with OK after Closing', async () => {
    const device = await client.register()
    const older = await client.open(device)
    const id = await createConversation(older)
    const newer = await connectTo(client.server).open(device)
    expect((await older.take('closing')).reason.case).toBe('superseded')
    expect(await older.ended).toBeUndefined()
    expect(older.frames.at(-1)?.case).toBe('closing')
    expect(newer.opened.clientSequence).toBe(1n)
    await newer.send(application(id))
    await newer.until(() => acceptedTo(newer) === 2n)
    newer.end()
  })

  onAnyServer('of many that come at the same moment one stays', async () => {
    const device = await client.register()
    const streams = await Promise.all(Array.from({ length: 10 }, () => client.open(device)))
    const isClosed = (stream: (typeof streams)[number]) =>
      stream.frames.some(frame => frame.case === 'closing')
    await Promise.race(streams.map(stream => stream.until(() => streams.filter(isClosed).length === 9)))
    const [last] = streams.filter(stream => !isClosed(stream))
    await createConversation(last!)
    last!.end()
    expect(await last!.ended).toBeUndefined()
  })

  onAnyServer('what the older one had sent is stored before Opened tells the number', async () => {
    const [device, other] = [await client.register(), await client.register()]
    let stream = await client.open(device)
    const id = await createConversation(stream, [other])
    const reader = await client.open(other)
    const elsewhere = connectTo(client.server)
    for (let round = 0; round < 10; round++) {
      // They come at the same moment, a few frames of the older stream before Open and a few after it.
      const older = stream
      const frame = () => older.send(...Array.from({ length: 20 }, () => application(id))).catch(() => {})
      const before = [frame(), frame()]
      const opening = elsewhere.open(device)
      const sent = [...before, frame(), frame(), frame()]
      const newer = await opening
      await Promise.all([...sent, older.ended])
      const { clientSequence } = newer.opened
      expect(acceptedTo(stream)).toBeLessThanOrEqual(clientSequence)
      // Had a send of the older stream taken this number meanwhile, this text would count as its repetition.
      const text = Buffer.from(`round ${round}`)
      const [number] = await newer.send(application(id, { ciphertext: text }))
      expect(number).toBe(clientSequence + 1n)
      await newer.until(() => acceptedTo(newer) === number)
      await reader.until(() =>
        reader
          .envelopes()
          .some(({ envelope }) => envelope.case === 'application' && text.equals(envelope.value.ciphertext)),
      )
      stream = newer
    }
    stream.end()
    reader.end()
  })
})

onEveryStore('an end', () => {
  onAnyServer('by the client comes after the answers to all that it sent', async () => {
    const stream = await client.open(await client.register())
    const id = await createConversation(stream)
    const numbers = await stream.send(...Array.from({ length: 50 }, () => application(id)))
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(acceptedTo(stream)).toBe(numbers.at(-1))
  })

  onOwnServer('by the server is told, in time, and loses nothing that was accepted', async () => {
    const server = await ownServer({ keep: true })
    const own = connectTo(server)
    const device = await own.register()
    const stream = await own.open(device)
    const idle = await own.open(await own.register())
    const id = await createConversation(stream)
    await stream.send(...Array.from({ length: 100 }, () => application(id)))
    const began = Date.now()
    await server.stop()
    expect(Date.now() - began).toBeLessThan(5_000)
    for (const each of [stream, idle]) {
      expect((await each.take('closing')).reason.case).toBe('shuttingDown')
      expect(each.frames.at(-1)?.case).toBe('closing')
      expect(await each.ended).toBeUndefined()
    }
    expect((await failureOf(own.keyExchange(device))).code).toBe('UNAVAILABLE')
    const again = await ownServer({ folder: server.folder! })
    expect(again.fingerprint).toEqual(server.fingerprint)
    const later = await connectTo(again).open(device)
    expect(later.opened.clientSequence).toBeGreaterThanOrEqual(acceptedTo(stream))
    await again.stop()
  })
})

onAnyStore('an end by the server', () => {
  onOwnServer('comes in time though a reader takes nothing', async () => {
    const server = await ownServer()
    const own = connectTo(server)
    const [anna, bert] = [await own.register(), await own.register()]
    const slow = await connectTo(server).open(bert)
    const sender = await own.open(anna)
    const id = await createConversation(sender, [bert])
    slow.pause()
    for (let count = 0; count < 60; count++)
      await sender.send(application(id, { ciphertext: new Uint8Array(120_000) }))
    await sender.until(() => acceptedTo(sender) === 61n)
    const began = Date.now()
    await server.stop()
    expect(Date.now() - began).toBeLessThan(5_500)
    slow.resume()
  })
})
