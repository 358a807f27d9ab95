// Look-ups cost the server work, and so do removals, a signature each: an account has so many of both a minute.

import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import type { RpcError } from '../../services/rpc/error.js'
import { detailOf, exchanged, failureOf, type TestClient } from '../support/contract-client.js'
import { makeDevice, makeKey, makeRemoval, type TestDevice } from '../support/contract-device.js'
import { type OwnServerOptions, onOwnServer } from '../support/contract-server.js'
import { onAnyStore, withOwnServer } from '../support/contract-suite.js'

const A_MINUTE = 6

/** The clock stands still, so nothing comes back. */
function limited(): OwnServerOptions {
  const now = Date.now()
  return { guard: { lookupsPerMinute: A_MINUTE }, now: () => now }
}

/** Removals that change nothing: of devices that are on no list. */
const removals = (by: TestDevice, count: number, of: Parameters<typeof makeRemoval>[2] = {}) =>
  Array.from({ length: count }, () => makeRemoval(by, { id: makeKey().publicKey }, of))

function expectHeldBack(error: RpcError): void {
  const { reason, retryAfterMs } = detailOf(error)
  expect([error.code, ErrorReason[reason]]).toEqual(['RESOURCE_EXHAUSTED', 'RATE_LIMITED'])
  expect(retryAfterMs).toBeGreaterThan(0)
}

async function twoDevices(own: TestClient): Promise<[TestDevice, TestDevice]> {
  const phone = await own.register()
  return [phone, await own.register(phone)]
}

onAnyStore('of an account', () => {
  onOwnServer('removals count as look-ups, of all its devices together', () =>
    withOwnServer(limited(), async (own, { warnings }) => {
      const [phone, laptop] = await twoDevices(own)
      const other = await own.register()
      exchanged(await own.keyExchange(phone, { deviceRemovals: removals(phone, 3) }))
      exchanged(await own.keyExchange(laptop, { lookupHandles: ['a', 'b'] }))
      exchanged(await own.keyExchange(phone, { deviceRemovals: removals(phone, 1) }))
      expectHeldBack(
        await failureOf(own.keyExchange(phone, { deviceRemovals: [makeRemoval(phone, laptop)] })),
      )
      expectHeldBack(await failureOf(own.keyExchange(laptop, { lookupHandles: ['a'] })))
      // Nothing was changed, and others have theirs.
      exchanged(await own.keyExchange(laptop))
      exchanged(await own.keyExchange(other, { deviceRemovals: removals(other, A_MINUTE) }))
      const account = expect.stringMatching(/^SHA256:/)
      expect(warnings).toMatchObject([{ kind: 'lookups', account, count: 1 }])
    }),
  )

  onOwnServer('removals count that are signed wrongly: each of them was looked at', () =>
    withOwnServer(limited(), async own => {
      const phone = await own.register()
      const deviceRemovals = removals(phone, A_MINUTE, { signer: makeKey() })
      const wrong = await failureOf(own.keyExchange(phone, { deviceRemovals }))
      expect(ErrorReason[detailOf(wrong).reason]).toBe('SIGNATURE')
      expectHeldBack(await failureOf(own.keyExchange(phone, { lookupHandles: ['a'] })))
    }),
  )

  onOwnServer('removals of a device that is not registered count for it', () =>
    withOwnServer(limited(), async own => {
      const stranger = makeDevice()
      const deviceList = own.list(stranger)
      const deviceRemovals = removals(stranger, A_MINUTE, { signer: makeKey() })
      const wrong = await failureOf(own.keyExchange(stranger, { deviceList, deviceRemovals }))
      expect(ErrorReason[detailOf(wrong).reason]).toBe('SIGNATURE')
      expectHeldBack(await failureOf(own.keyExchange(stranger, { deviceList, deviceRemovals })))
    }),
  )
})
