import { expect } from '@jest/globals'
import { ErrorReason } from '../../gen/parley/v1/chat_pb.js'
import type { ClaimedDevice, ClaimOutcome, KeyExchangeResponse } from '../../gen/parley/v1/key_exchange_pb.js'
import { accountKey } from '../../services/protocol/keys.js'
import { CIPHER_SUITE } from '../../services/protocol/sizes.js'
import { connectTo, detailOf, exchanged, failureOf } from '../support/contract-client.js'
import { makeDevice, makeKey, random } from '../support/contract-device.js'
import { onAnyServer, onOwnServer, ownServer, SMALL_LIMITS } from '../support/contract-server.js'
import { client, onEveryStore } from '../support/contract-suite.js'

const OTHER_SUITE = 1

/** How many one-time key packages the server has of a device and a suite, and whether one of last resort. */
function stockOf(response: KeyExchangeResponse): [left: number, hasLastResort: boolean] {
  const { keyPackagesLeft, hasLastResort } = exchanged(response)
  return [keyPackagesLeft, hasLastResort]
}

function devicesOf(claim: ClaimOutcome | undefined): ClaimedDevice[] {
  if (claim?.outcome.case !== 'devices') throw new Error(`no devices but ${claim?.outcome.case}`)
  return claim.outcome.value.devices
}

async function claim(handle: string): Promise<ClaimOutcome> {
  const caller = await client.register()
  return exchanged(await client.keyExchange(caller, { claimHandles: [handle] })).claims[0]!
}

onEveryStore('registration', () => {
  onAnyServer('a new device registers, publishes and claims in one call', async () => {
    const peer = await client.register()
    const device = makeDevice()
    const response = await client.keyExchange(device, {
      deviceList: client.list(device),
      keyPackages: [random(40), random(40)],
      lastResortKeyPackage: random(40),
      claimHandles: [peer.handle],
    })
    const { keyPackagesLeft, hasLastResort, claims } = exchanged(response)
    expect({ keyPackagesLeft, hasLastResort }).toEqual({ keyPackagesLeft: 2, hasLastResort: true })
    expect(devicesOf(claims[0]).map(each => each.deviceKey)).toEqual([peer.id])
  })

  onAnyServer('a registered device needs no list, and may repeat it', async () => {
    const device = await client.register()
    exchanged(await client.keyExchange(device))
    exchanged(await client.keyExchange(device, { deviceList: client.list(device) }))
    expect(devicesOf(await claim(device.handle))).toHaveLength(1)
  })

  onAnyServer(
    'another account does not get a handle that is taken; a second device of the account does',
    async () => {
      const device = await client.register()
      const other = makeDevice({ handle: device.handle })
      const refused = await client.keyExchange(other, {
        deviceList: client.list(other),
        keyPackages: [random(9)],
      })
      expect(refused.outcome.case === 'refused' && refused.outcome.value.reason.case).toBe('handleTaken')
      await client.register({ handle: device.handle, account: device.account })
      expect(devicesOf(await claim(device.handle))).toHaveLength(2)
    },
  )

  onAnyServer('a refusal changes nothing: the device stays unknown', async () => {
    const { handle } = await client.register()
    const other = makeDevice({ handle })
    await client.keyExchange(other, { deviceList: client.list(other) })
    expect(detailOf(await failureOf(client.keyExchange(other))).reason).toBe(ErrorReason.UNKNOWN_DEVICE)
  })

  onAnyServer.each(['', 'Anna', '-a', 'a b', 'ä', 'x'.repeat(33), '.a', 'a\n', 'a/b'])(
    'the handle %j is refused, with the rule',
    async handle => {
      const device = makeDevice({ handle })
      const { outcome } = await client.keyExchange(device, { deviceList: client.list(device) })
      const reason = outcome.case === 'refused' ? outcome.value.reason : undefined
      expect(reason?.case === 'handleInvalid' && reason.value.rule).toContain('32 characters')
    },
  )

  onAnyServer("the operator's handle is kept for the operator", async () => {
    const { handle } = { handle: 'operator' }
    const device = makeDevice({ handle })
    const { outcome } = await client.keyExchange(device, { deviceList: client.list(device) })
    expect(outcome.case === 'refused' && outcome.value.reason.case).toBe('handleReserved')
  })

  onOwnServer(
    'the account that the operator announced gets it, and keeps it after a start without it',
    async () => {
      const server = await ownServer()
      const own = connectTo(server)
      const device = makeDevice({ handle: 'operator' })
      server.relay!.admitOperator(accountKey(device.account.publicKey))
      exchanged(await own.keyExchange(device, { deviceList: own.list(device) }))
      const stranger = makeDevice({ handle: 'operator' })
      const { outcome } = await own.keyExchange(stranger, { deviceList: own.list(stranger) })
      expect(outcome.case === 'refused' && outcome.value.reason.case).toBe('handleReserved')
      own.close()
      await server.stop()
    },
  )

  onOwnServer('one account has no more devices than the limit', async () => {
    const first = await client.register()
    const { handle, account } = first
    let last: Uint8Array = new Uint8Array()
    for (let count = 1; count < SMALL_LIMITS.devicesPerAccount; count++) {
      const device = makeDevice({ handle, account })
      last = client.list(device)
      exchanged(await client.keyExchange(device, { deviceList: last }))
    }
    const over = makeDevice({ handle, account })
    const { outcome } = await client.keyExchange(over, { deviceList: client.list(over) })
    const reason = outcome.case === 'refused' ? outcome.value.reason : undefined
    expect(reason).toMatchObject({
      case: 'tooManyDevices',
      value: {
        limit: SMALL_LIMITS.devicesPerAccount,
        account: { deviceList: last },
      },
    })
  })
})

onEveryStore('a list that does not hold is refused', () => {
  onAnyServer('signed by another key', async () => {
    const device = makeDevice()
    const deviceList = client.list(device, { signer: makeKey() })
    const error = await failureOf(client.keyExchange(device, { deviceList }))
    expect(error.code).toBe('UNAUTHENTICATED')
    expect(detailOf(error).reason).toBe(ErrorReason.SIGNATURE)
  })

  onAnyServer('under another label', async () => {
    const device = makeDevice()
    const deviceList = client.list(device, { label: 'parley.v1.DeviceCertificate' })
    expect((await failureOf(client.keyExchange(device, { deviceList }))).code).toBe('UNAUTHENTICATED')
  })

  onAnyServer.each([
    ['bytes that are none', () => random(30)],
    ['a key of a wrong length', () => client.list(makeDevice(), { devices: [{ id: random(31) }] })],
    ['no device', () => client.list(makeDevice(), { devices: [] })],
    ['the number 0', () => client.list(makeDevice(), { number: 0 })],
  ])('%s', async (_, list) => {
    const error = await failureOf(client.keyExchange(makeDevice(), { deviceList: list() }))
    expect({ code: error.code, reason: detailOf(error).reason }).toEqual({
      code: 'INVALID_ARGUMENT',
      reason: ErrorReason.FRAME,
    })
  })
})

onEveryStore('key packages', () => {
  onAnyServer(
    'each one-time key package goes to one of 50 claims at the same moment, then the last resort',
    async () => {
      const device = await client.register()
      const oneTime = Array.from({ length: 50 }, () => random(100))
      const lastResort = random(100)
      exchanged(await client.keyExchange(device, { keyPackages: oneTime, lastResortKeyPackage: lastResort }))
      const callers = await Promise.all(oneTime.map(() => client.register()))
      const claims = await Promise.all(
        callers.map(async caller =>
          exchanged(await client.keyExchange(caller, { claimHandles: [device.handle] })),
        ),
      )
      const got = claims.map(({ claims: [first] }) => devicesOf(first)[0]!)
      const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
      expect(new Set(got.map(({ keyPackage }) => hex(keyPackage)))).toEqual(new Set(oneTime.map(hex)))
      expect(got.some(each => each.lastResort)).toBe(false)
      const [next] = devicesOf(await claim(device.handle))
      expect(next).toMatchObject({ keyPackage: lastResort, lastResort: true })
    },
  )

  onAnyServer('a device without key packages is told of, with an empty one', async () => {
    const device = await client.register()
    expect(devicesOf(await claim(device.handle))).toMatchObject([
      { keyPackage: new Uint8Array(), lastResort: false },
    ])
  })

  onAnyServer('publishing again changes nothing, even what was claimed since', async () => {
    const device = await client.register()
    const keyPackages = [random(50)]
    exchanged(await client.keyExchange(device, { keyPackages }))
    expect(devicesOf(await claim(device.handle))[0]!.keyPackage).toEqual(keyPackages[0])
    expect(exchanged(await client.keyExchange(device, { keyPackages })).keyPackagesLeft).toBe(0)
    expect(devicesOf(await claim(device.handle))[0]!.keyPackage).toEqual(new Uint8Array())
  })

  onAnyServer('an empty last-resort key package leaves it, another one replaces it', async () => {
    const device = await client.register()
    const [first, second] = [random(50), random(50)]
    await client.keyExchange(device, { lastResortKeyPackage: first })
    expect(exchanged(await client.keyExchange(device)).hasLastResort).toBe(true)
    expect(devicesOf(await claim(device.handle))[0]!.keyPackage).toEqual(first)
    await client.keyExchange(device, { lastResortKeyPackage: second })
    expect(devicesOf(await claim(device.handle))[0]!.keyPackage).toEqual(second)
  })

  onAnyServer(
    'those that replace the ones before are handed out, and none of those; twice is as once',
    async () => {
      const device = await client.register()
      const of = (count: number) => Array.from({ length: count }, () => random(50))
      await client.keyExchange(device, { keyPackages: of(2), lastResortKeyPackage: random(50) })
      const [keyPackages, lastResortKeyPackage] = [of(1), random(50)]
      const call = { keyPackages, lastResortKeyPackage, replacesKeyPackages: true }
      for (let times = 0; times < 2; times++)
        expect(exchanged(await client.keyExchange(device, call)).keyPackagesLeft).toBe(1)
      expect(devicesOf(await claim(device.handle))[0]!.keyPackage).toEqual(keyPackages[0])
      expect(devicesOf(await claim(device.handle))[0]!.keyPackage).toEqual(lastResortKeyPackage)
      expect(exchanged(await client.keyExchange(device, call)).keyPackagesLeft).toBe(0)
    },
  )

  onAnyServer(
    'of a suite are not those of another one, neither to those who claim nor in the counts',
    async () => {
      const device = await client.register()
      const keyPackages = [random(50)]
      const given = { keyPackages, lastResortKeyPackage: random(50), suite: OTHER_SUITE }
      expect(stockOf(await client.keyExchange(device, given))).toEqual([1, true])
      for (const suite of [CIPHER_SUITE, 0])
        expect(stockOf(await client.keyExchange(device, { suite }))).toEqual([0, false])
      expect(devicesOf(await claim(device.handle))).toMatchObject([
        { deviceKey: device.id, keyPackage: new Uint8Array(), lastResort: false },
      ])
      const caller = await client.register()
      const stream = await client.open(device)
      const call = { claimHandles: [device.handle], suite: OTHER_SUITE }
      const { claims } = exchanged(await client.keyExchange(caller, call))
      expect(devicesOf(claims[0])[0]!.keyPackage).toEqual(keyPackages[0])
      expect(await stream.take('keyPackagesLeft')).toMatchObject({ suite: OTHER_SUITE, left: 0 })
      stream.end()
    },
  )

  onAnyServer(
    'are taken back by their device, where nobody has claimed them: those of one suite',
    async () => {
      const device = await client.register()
      for (const suite of [CIPHER_SUITE, OTHER_SUITE])
        await client.keyExchange(device, {
          ...{ keyPackages: [random(50)], lastResortKeyPackage: random(50), suite },
        })
      expect(stockOf(await client.keyExchange(device, { replacesKeyPackages: true }))).toEqual([0, false])
      expect(stockOf(await client.keyExchange(device, { suite: OTHER_SUITE }))).toEqual([1, true])
    },
  )

  onAnyServer.each([
    ['publishes', { keyPackages: [random(9)] }],
    ['publishes one of last resort', { lastResortKeyPackage: random(9) }],
    ['replaces', { replacesKeyPackages: true }],
    ['claims', { claimHandles: ['anna'] }],
  ])('a call that %s names a suite, which has 16 bits', async (_, request) => {
    const device = await client.register()
    for (const suite of [0, 0x1_0000]) {
      const error = await failureOf(client.keyExchange(device, { ...request, suite }))
      expect({ code: error.code, reason: detailOf(error).reason }).toEqual({
        code: 'INVALID_ARGUMENT',
        reason: ErrorReason.FRAME,
      })
    }
    exchanged(await client.keyExchange(device, { ...request, suite: 0xffff }))
  })

  onAnyServer('those over the limit are left out', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const limit = stream.opened.limits!.keyPackagesPerDevice
    const keyPackages = Array.from({ length: limit + 3 }, () => random(20))
    expect(exchanged(await client.keyExchange(device, { keyPackages })).keyPackagesLeft).toBe(limit)
    stream.end()
  })

  onAnyServer.each([
    ['an empty one', { keyPackages: [new Uint8Array()] }],
    ['one that is far too large', { lastResortKeyPackage: random(70_000) }],
  ])('%s is refused', async (_, request) => {
    const error = await failureOf(client.keyExchange(await client.register(), request))
    expect(error.code).toBe('INVALID_ARGUMENT')
  })
})

onEveryStore('claims', () => {
  onAnyServer('are answered one by one, in their order; whom nobody knows is unknown', async () => {
    const [anna, bert] = [await client.register(), await client.register()]
    const claimHandles = [bert.handle, 'nobody-by-this-name', anna.handle, 'NOT A HANDLE']
    const { claims } = exchanged(await client.keyExchange(await client.register(), { claimHandles }))
    expect(claims.map(({ handle }) => handle)).toEqual(claimHandles)
    expect(claims.map(({ outcome }) => outcome.case)).toEqual(['devices', 'unknown', 'devices', 'unknown'])
  })

  onAnyServer('of one’s own account leave out the calling device', async () => {
    const first = await client.register()
    const second = await client.register(first)
    const { claims } = exchanged(await client.keyExchange(first, { claimHandles: [first.handle] }))
    expect(devicesOf(claims[0]).map(each => each.deviceKey)).toEqual([second.id])
  })

  onAnyServer('above the limit are refused', async () => {
    const device = await client.register()
    const stream = await client.open(device)
    const claimHandles = Array.from({ length: stream.opened.limits!.claimsPerCall + 1 }, () => 'x')
    stream.end()
    expect((await failureOf(client.keyExchange(device, { claimHandles }))).code).toBe('INVALID_ARGUMENT')
  })
})
