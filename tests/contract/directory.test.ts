// The server's signed word on the handles that it is asked for, as any client checks it.

import { createHash, createPublicKey, verify } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import { expect } from '@jest/globals'
import { ChatService } from '../../gen/parley/v1/chat_pb.js'
import { DirectoryStatementSchema, type SignedDirectoryStatement } from '../../gen/parley/v1/directory_pb.js'
import { SignedDeviceListSchema } from '../../gen/parley/v1/identity_pb.js'
import { connectTo, exchanged } from '../support/contract-client.js'
import { LIST_LABEL, random, type TestDevice } from '../support/contract-device.js'
import { onAnyServer, onOwnServer, openContractStore, ownServer } from '../support/contract-server.js'
import { client, onEveryStore } from '../support/contract-suite.js'
import { withFolder } from '../support/folder.js'

const LABEL = 'parley.v1.DirectoryStatement'
/** RFC 8410: all that stands before the 32 bytes of an Ed25519 public key in DER. */
const DER_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** The answer in a statement that the server's directory has signed within the last minute. */
async function answerIn(
  signed: SignedDirectoryStatement | undefined,
  { handle, channel = client.channel }: { handle: string; channel?: typeof client.channel },
) {
  const { statement, signature } = signed!
  const { directoryKey, serverId } = await channel.unary(ChatService.method.getServer, {})
  const key = createPublicKey({ key: Buffer.concat([DER_PREFIX, directoryKey]), format: 'der', type: 'spki' })
  expect(verify(null, Buffer.concat([Buffer.from(`${LABEL}\0`), statement]), key, signature)).toBe(true)
  const said = fromBinary(DirectoryStatementSchema, statement)
  expect(said).toMatchObject({ serverId, handle })
  expect(Math.abs(Number(said.timeMs) - Date.now())).toBeLessThan(60_000)
  return said.answer
}

/** The name of a list: see DeviceList. */
const hashOf = (deviceList: Uint8Array) => {
  const { list } = fromBinary(SignedDeviceListSchema, deviceList)
  return new Uint8Array(createHash('sha256').update(`${LIST_LABEL}\0`).update(list).digest())
}

const listed = (device: TestDevice, deviceList: Uint8Array, number: number) => ({
  case: 'listed',
  value: {
    ...{ accountKey: device.account.publicKey, listHash: hashOf(deviceList), listNumber: BigInt(number) },
  },
})

onEveryStore('what the directory says of a handle is signed', () => {
  onAnyServer(
    'of an account its key, and the number and hash of the list that is shown, also in a claim',
    async () => {
      const device = await client.register()
      const number = Math.trunc(Date.now() / 1000) + 60
      const deviceList = client.list(device, { number })
      exchanged(await client.keyExchange(device, { deviceList, keyPackages: [random(9)] }))
      const { handle } = device
      const asked = { lookupHandles: [handle], claimHandles: [handle] }
      const { lookups, claims } = exchanged(await client.keyExchange(await client.register(), asked))
      for (const { statement } of [...lookups, ...claims])
        expect(await answerIn(statement, { handle })).toMatchObject(listed(device, deviceList, number))
      expect(lookups[0]!.outcome).toMatchObject({ case: 'devices', value: { deviceList } })
    },
  )

  onAnyServer('that nobody goes by it, too', async () => {
    const handle = 'nobody-by-this-name'
    const asked = { lookupHandles: [handle], claimHandles: [handle] }
    const { lookups, claims } = exchanged(await client.keyExchange(await client.register(), asked))
    for (const { statement, outcome } of [...lookups, ...claims]) {
      expect(outcome.case).toBe('unknown')
      expect((await answerIn(statement, { handle })).case).toBe('nobody')
    }
  })

  onAnyServer('and nothing is of what is no handle', async () => {
    const asked = { lookupHandles: ['NO HANDLE'], claimHandles: ['NO HANDLE'] }
    const { lookups, claims } = exchanged(await client.keyExchange(await client.register(), asked))
    for (const { statement, outcome } of [...lookups, ...claims]) {
      expect(outcome.case).toBe('unknown')
      expect(statement).toBeUndefined()
    }
  })

  onOwnServer('by the same key after a start with another key of TLS', () =>
    withFolder(async folder => {
      const keys: Uint8Array[] = []
      const fingerprints: Uint8Array[] = []
      for (let start = 0; start < 2; start++) {
        const store = await openContractStore({ folder })
        const server = await ownServer({ store })
        const own = connectTo(server)
        const { handle } = await own.register()
        const asked = { lookupHandles: [handle] }
        const { lookups } = exchanged(await own.keyExchange(await own.register(), asked))
        const { channel } = own
        expect((await answerIn(lookups[0]!.statement, { handle, channel })).case).toBe('listed')
        keys.push((await channel.unary(ChatService.method.getServer, {})).directoryKey)
        fingerprints.push(server.fingerprint)
        own.close()
        await server.stop()
      }
      expect(keys[1]).toEqual(keys[0])
      expect(fingerprints[1]).not.toEqual(fingerprints[0])
    }),
  )
})
