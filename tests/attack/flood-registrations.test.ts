// Somebody wants to fill the server with accounts, take all good handles, or guess an invite.

import { expect, test } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import { connectTo, detailOf, failureOf } from '../support/contract-client.js'
import { makeDevice } from '../support/contract-device.js'
import { ownServer } from '../support/contract-server.js'
import { rawSession } from '../support/raw-call.js'

const LIMIT = 10

test('one address registers so many devices, and no more; who is there goes on', async () => {
  const server = await ownServer({ guard: { registrationsPerHour: LIMIT } })
  const client = connectTo(server)
  const devices = Array.from({ length: 3 * LIMIT }, () => makeDevice())
  const outcomes = await Promise.allSettled(
    devices.map(device => client.keyExchange(device, { deviceList: client.list(device) })),
  )
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(LIMIT)
  const error = await failureOf(client.register())
  expect(error.code).toBe('RESOURCE_EXHAUSTED')
  const { reason, retryAfterMs } = detailOf(error)
  expect(reason).toBe(ErrorReason.RATE_LIMITED)
  expect(retryAfterMs).toBeGreaterThan(0)
  const known = devices[outcomes.findIndex(({ status }) => status === 'fulfilled')]!
  await client.keyExchange(known, { deviceList: client.list(known) })
  expect(server.warnings).toMatchObject([{ kind: 'registrations', address: '127.0.0.1' }])
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

test('so many invites are tried from one address, and no more', async () => {
  const server = await ownServer({ registration: 'invite', guard: { registrationsPerHour: LIMIT } })
  const client = connectTo(server)
  const tries = Array.from({ length: LIMIT + 1 }, async (_, index) => {
    const device = makeDevice()
    const request = { deviceList: client.list(device), inviteToken: `guess-${index}` }
    const { outcome } = await client.keyExchange(device, request)
    return outcome.case === 'refused' ? outcome.value.reason.case : outcome.case
  })
  const outcomes = await Promise.allSettled(tries)
  expect(outcomes.filter(each => each.status === 'fulfilled' && each.value === 'inviteInvalid')).toHaveLength(
    LIMIT,
  )
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1)
  client.close()
  await server.stop()
})

test('one address has so many connections, and each of those beyond is closed before its handshake', async () => {
  const server = await ownServer({ guard: { connectionsPerAddress: LIMIT } })
  const client = connectTo(server)
  await client.register()
  const sessions = Array.from({ length: 3 * LIMIT }, () => rawSession(server.port))
  const outcomes = await Promise.all(
    sessions.map(
      session =>
        new Promise<string>(resolve => {
          session.on('connect', () => resolve('connected'))
          session.on('close', () => resolve('closed'))
        }),
    ),
  )
  expect(outcomes.filter(outcome => outcome === 'connected')).toHaveLength(LIMIT - 1)
  await client.register()
  for (const session of sessions) session.destroy()
  expect(server.warnings).toMatchObject([{ kind: 'connections', address: '127.0.0.1' }])
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})

test('one address makes so many calls a minute', async () => {
  const server = await ownServer({ guard: { callsPerMinute: LIMIT } })
  const client = connectTo(server)
  const calls = await Promise.allSettled(Array.from({ length: 2 * LIMIT }, () => client.register()))
  expect(calls.filter(({ status }) => status === 'fulfilled')).toHaveLength(LIMIT)
  expect(detailOf(await failureOf(client.register())).reason).toBe(ErrorReason.RATE_LIMITED)
  expect(server.relay!.abuse()).toMatchObject([{ kind: 'calls', count: LIMIT + 1 }])
  client.close()
  await server.stop()
  expect(server.defects).toEqual([])
})
