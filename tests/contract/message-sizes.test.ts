// The largest messages in both directions: all that is within the other limits fits, and more ends its call.

import { describe, expect } from '@jest/globals'
import { ChatService, ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { LIMITS } from '../../services/server/limits.js'
import { detailOf, exchanged, failureOf } from '../support/contract-client.js'
import { random } from '../support/contract-device.js'
import { acceptedTo, application, commit, createConversation } from '../support/contract-envelopes.js'
import { onOwnServer } from '../support/contract-server.js'
import { withOwnServer } from '../support/contract-suite.js'

const MEGABYTE = 1024 * 1024

describe('a message', () => {
  onOwnServer('with a welcome of six megabytes is taken, and delivered', async () => {
    await withOwnServer({}, async client => {
      const [founder, guest] = [await client.register(), await client.register()]
      const stream = await client.open(founder)
      const welcome = random(6 * MEGABYTE)
      const [number] = await stream.send(
        commit(random(16), { epoch: 0n, creates: true, added: [guest], welcome }),
      )
      await stream.until(() => acceptedTo(stream) >= number!)
      const theirs = await client.open(guest)
      await theirs.until(() => theirs.envelopes().length > 0)
      const [{ envelope }] = theirs.envelopes() as [ReturnType<typeof theirs.envelopes>[number]]
      expect(envelope.case === 'welcome' && Buffer.compare(envelope.value.welcome, welcome)).toBe(0)
      stream.end()
      theirs.end()
    })
  })

  onOwnServer('with envelopes that are small enough, but too many of them, ends the stream', async () => {
    await withOwnServer({}, async client => {
      const stream = await client.open(await client.register())
      const id = await createConversation(stream)
      const large = () => application(id, { ciphertext: new Uint8Array(LIMITS.applicationBytes) })
      const fitting = Math.floor(LIMITS.messageBytes / (LIMITS.applicationBytes + 64))
      const numbers = await stream.send(...Array.from({ length: fitting }, large))
      await stream.until(() => acceptedTo(stream) >= numbers.at(-1)!)
      // This client's own bound is the same as the server's: it is told before it sends.
      await expect(stream.send(...Array.from({ length: fitting + 2 }, large))).rejects.toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
      })
      stream.end()
    })
  })

  onOwnServer('of KeyExchange with all lists at their limits is taken, and no larger one', async () => {
    await withOwnServer({}, async client => {
      const device = await client.register()
      const handle = 'h'.repeat(32)
      const request = {
        keyPackages: Array.from({ length: LIMITS.keyPackagesPerDevice }, () =>
          random(LIMITS.keyPackageBytes),
        ),
        lastResortKeyPackage: random(LIMITS.keyPackageBytes),
        claimHandles: Array.from({ length: LIMITS.claimsPerCall }, () => handle),
        lookupHandles: Array.from({ length: LIMITS.claimsPerCall }, () => handle),
      }
      const answer = exchanged(await client.keyExchange(device, request))
      expect(answer.keyPackagesLeft).toBe(LIMITS.keyPackagesPerDevice)
      const error = await failureOf(
        client.keyExchange(device, { inviteToken: 'x'.repeat(LIMITS.keyExchangeBytes) }),
      )
      expect({ code: error.code, reason: detailOf(error).reason }).toEqual({
        code: 'RESOURCE_EXHAUSTED',
        reason: ErrorReason.TOO_LARGE,
      })
    })
  })

  onOwnServer('that opens a stream is small', async () => {
    await withOwnServer({}, async client => {
      const stream = client.raw()
      const cursor = new Uint8Array(LIMITS.openBytes)
      await stream.write({ frame: { case: 'open', value: { protocolVersion: 1, cursor } } })
      const error = await stream.ended
      expect(detailOf(error).reason).toBe(ErrorReason.TOO_LARGE)
    })
  })

  onOwnServer('that holds too many fields ends its call, also after the proof', async () => {
    await withOwnServer({}, async client => {
      const stream = await client.open(await client.register())
      const removedDeviceIds = Array.from({ length: LIMITS.messageFields }, () => new Uint8Array())
      const value = { commit: random(8), rosterChange: { removedDeviceIds } }
      const conversationId = random(16)
      await stream.send({ conversationId, envelope: { case: 'commit', value } })
      expect(detailOf(await stream.ended).reason).toBe(ErrorReason.TOO_LARGE)
      await client.channel.unary(ChatService.method.getServer, {})
    })
  })
})
