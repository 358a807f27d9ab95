// A client asks for these before it registers, and they are what holds afterwards.

import { expect } from '@jest/globals'
import { ChatService, GetServerResponseSchema, RegistrationMode } from '../../gen/parley/v1/chat_pb.js'
import { CIPHER_SUITE, KEY_BYTES, SERVER_ID_BYTES } from '../../services/protocol/sizes.js'
import { onAnyServer, onOwnServer } from '../support/contract-server.js'
import { client, onEveryStore, withOwnServer } from '../support/contract-suite.js'
import { checkRules } from '../support/field-rules.js'

const { getServer } = ChatService.method

onEveryStore('a server', () => {
  onAnyServer('tells everybody what it is, without a proof', async () => {
    const before = BigInt(Date.now())
    const server = await client.channel.unary(getServer, {})
    expect(server.serverId).toHaveLength(SERVER_ID_BYTES)
    expect(server.directoryKey).toHaveLength(KEY_BYTES)
    expect(server.lowestProtocolVersion).toBeLessThanOrEqual(1)
    expect(server.highestProtocolVersion).toBeGreaterThanOrEqual(1)
    expect(server.cipherSuites).toContain(CIPHER_SUITE)
    checkRules(GetServerResponseSchema, server)
    expect(Number(server.serverTimeMs - before)).toBeLessThan(server.limits!.proofWindowMs)
    expect(server.registration).not.toBe(RegistrationMode.UNSPECIFIED)
  })

  onAnyServer('and the same as in Opened', async () => {
    const { limits, operatorHandle } = await client.channel.unary(getServer, {})
    const stream = await client.open(await client.register())
    expect(stream.opened.limits).toEqual(limits)
    expect(stream.opened.operatorHandle).toBe(operatorHandle)
    stream.end()
  })
})

onEveryStore('registration', () => {
  onOwnServer.each([
    ['open', RegistrationMode.OPEN],
    ['invite', RegistrationMode.INVITE],
    ['closed', RegistrationMode.CLOSED],
  ] as const)('%s is told', async (registration, mode) => {
    await withOwnServer({ registration, operatorHandle: 'ops' }, async own => {
      const told = await own.channel.unary(getServer, {})
      expect(told).toMatchObject({ registration: mode, operatorHandle: 'ops' })
      const again = await own.channel.unary(getServer, {})
      expect(again.serverId).toEqual(told.serverId)
      expect(again.directoryKey).toEqual(told.directoryKey)
    })
  })
})
