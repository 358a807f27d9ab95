// Two relays of one installation: one store, and a cluster between them. A device is at one or the other, and cannot
// tell which.

import { expect } from '@jest/globals'
import { LocalCluster } from '../../services/server/cluster.js'
import type { Relay } from '../../services/server/relay.js'
import { connectTo, exchanged, failureOf, type TestClient } from '../support/contract-client.js'
import { makeRemoval, type TestDevice } from '../support/contract-device.js'
import {
  acceptedTo,
  application,
  commit,
  createConversation,
  ephemeral,
  rejections,
} from '../support/contract-envelopes.js'
import { onOwnServer, openContractStore, ownServer, SMALL_LIMITS } from '../support/contract-server.js'
import type { TestStream } from '../support/contract-stream.js'
import { onEveryStore } from '../support/contract-suite.js'
import { withFolder } from '../support/folder.js'

interface Scene {
  here: TestClient
  there: TestClient
  relay: Relay
}

function onTwoRelays(use: (scene: Scene) => Promise<void>): Promise<void> {
  return withFolder(async folder => {
    const limits = SMALL_LIMITS
    const store = await openContractStore({ folder, limits })
    const cluster = new LocalCluster()
    const shared = { store, cluster, limits, keep: true }
    const servers = [
      await ownServer({ ...shared, folder }),
      await ownServer({ ...shared, folder: `${folder}/other` }),
    ] as const
    const [here, there] = [connectTo(servers[0]), connectTo(servers[1])]
    await use({ here, there, relay: servers[0].relay! })
    here.close()
    there.close()
    for (const server of servers) {
      await server.stop()
      expect(server.defects).toEqual([])
    }
  })
}

/** Two people in a conversation, each at another relay. */
async function apart({ here, there }: Scene): Promise<{
  anna: TestDevice
  bert: TestDevice
  id: Uint8Array
  streams: [TestStream, TestStream]
}> {
  const [anna, bert] = [await here.register(), await there.register()]
  const streams: [TestStream, TestStream] = [await here.open(anna), await there.open(bert)]
  const id = await createConversation(streams[0], [bert])
  await streams[1].until(() => streams[1].envelopes().length === 1)
  return { anna, bert, id, streams }
}

onEveryStore('two relays of one installation', () => {
  onOwnServer('show what was sent at the other, in one order, and keep one commit an epoch', () =>
    onTwoRelays(async scene => {
      const { id, streams } = await apart(scene)
      const send = async (stream: TestStream) => {
        for (let count = 0; count < 20; count++) await stream.send(application(id))
      }
      await Promise.all(streams.map(send))
      await Promise.all(streams.map(stream => stream.send(commit(id))))
      const answered = (stream: TestStream) =>
        acceptedTo(stream) === stream.next - 1n || rejections(stream).size > 0
      for (const stream of streams)
        await stream.until(() => answered(stream) && stream.envelopes().length === 42)
      const orders = streams.map(stream => stream.envelopes().map(({ sequence }) => sequence))
      expect(orders[0]).toEqual(orders[1])
      expect(streams.filter(stream => rejections(stream).size > 0)).toHaveLength(1)
    }),
  )

  onOwnServer('pass on what is not stored', () =>
    onTwoRelays(async scene => {
      const { id, streams } = await apart(scene)
      for (const [index, stream] of streams.entries()) {
        await stream.send(ephemeral(id))
        const other = streams[1 - index]!
        await other.until(() => other.envelopes().some(({ envelope }) => envelope.case === 'ephemeral'))
        expect(stream.envelopes().filter(({ envelope }) => envelope.case === 'ephemeral')).toHaveLength(index)
      }
    }),
  )

  onOwnServer('end the session of a device that is banned or revoked at the other', () =>
    onTwoRelays(async ({ here, there, relay }) => {
      const [anna, phone] = [await there.register(), await here.register()]
      const laptop = await here.register(phone)
      const [banned, revoked] = [await there.open(anna), await there.open(laptop)]
      await relay.ban({ handle: anna.handle })
      expect((await banned.take('closing')).reason.case).toBe('banned')
      expect((await failureOf(there.open(anna))).code).toBe('UNAUTHENTICATED')
      exchanged(await here.keyExchange(phone, { deviceRemovals: [makeRemoval(phone, laptop)] }))
      expect((await revoked.take('closing')).reason.case).toBe('revoked')
    }),
  )

  onOwnServer('tell of an account that changed at the other', () =>
    onTwoRelays(async scene => {
      const { anna, streams } = await apart(scene)
      await scene.here.register(anna)
      for (const stream of streams) expect((await stream.take('accountChanged')).handle).toBe(anna.handle)
    }),
  )
})
