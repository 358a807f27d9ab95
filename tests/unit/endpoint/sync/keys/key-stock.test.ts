import { beforeEach, describe, expect, test } from '@jest/globals'
import { makeAccount } from '../../../../../services/endpoint/contacts/account.js'
import { KeyStock } from '../../../../../services/endpoint/sync/keys/key-stock.js'
import { decodeLeafList } from '../../../../../services/protocol/conversation/leaves.js'
import { listed, openTestContext, type TestContext } from '../../../../support/endpoint-context.js'
import { FakeDirectory } from '../../../../support/fake-directory.js'

const DAY_MS = 24 * 3600 * 1000

const alice = makeAccount('alice')

let endpoint: TestContext
let directory: FakeDirectory
let stock: KeyStock

beforeEach(async () => {
  endpoint = await openTestContext(alice)
  await listed(endpoint, [alice])
  directory = new FakeDirectory(endpoint.context.engine, alice)
  stock = new KeyStock({ ...endpoint, exchange: directory.exchange, size: 6 })
})

const saved = () => endpoint.context.records.list('keypackages').map(({ record }) => record)
const published = () =>
  directory.calls.map(({ keyPackages, lastResortKeyPackage }) => ({
    oneTime: keyPackages?.length ?? 0,
    lastResort: (lastResortKeyPackage?.length ?? 0) > 0,
  }))
const held = (keyPackagesLeft: number, hasLastResort = true) => ({ keyPackagesLeft, hasLastResort })

test('a server that has none gets all, and one of last resort; their private halves are saved before', async () => {
  let savedThen = 0
  const exchange = directory.exchange
  stock = new KeyStock({
    ...endpoint,
    exchange(parts) {
      savedThen = saved().length
      return exchange(parts)
    },
    size: 6,
  })
  expect(await stock.fill(held(0, false))).toBe(7)
  expect(savedThen).toBe(7)
  expect(published()).toEqual([{ oneTime: 6, lastResort: true }])
  const privateOf = new Map(saved().map(each => [Buffer.from(each.publicPackage).toString('hex'), each]))
  const [call] = directory.calls
  for (const each of call?.keyPackages ?? [])
    expect(privateOf.get(Buffer.from(each).toString('hex'))).toMatchObject({ lastResort: false })
  expect(privateOf.get(Buffer.from(call?.lastResortKeyPackage ?? []).toString('hex'))).toMatchObject({
    lastResort: true,
  })
})

test('a server that has half of them gets none, and one with fewer as many as it lacks', async () => {
  await stock.fill(held(0, false))
  directory.calls.length = 0
  expect(await stock.fill(held(3))).toBe(0)
  expect(await stock.fill(held(2))).toBe(4)
  expect(published()).toEqual([{ oneTime: 4, lastResort: false }])
})

test('however many a server says that others have drawn, the newest are kept and no more', async () => {
  stock = new KeyStock({ ...endpoint, exchange: directory.exchange, size: 6, most: 15 })
  await stock.fill(held(0, false))
  for (let times = 0; times < 5; times++) await stock.drawn(0)
  expect(saved().filter(({ lastResort }) => !lastResort)).toHaveLength(15)
  expect(saved().filter(({ lastResort }) => lastResort)).toHaveLength(1)
  const newest = directory.calls.flatMap(({ keyPackages }) => keyPackages ?? []).slice(-15)
  const kept = saved().map(({ publicPackage }) => Buffer.from(publicPackage).toString('hex'))
  expect(kept).toEqual(expect.arrayContaining(newest.map(each => Buffer.from(each).toString('hex'))))
})

test('when others draw on it, more are made where few are left, and not twice at once', async () => {
  await stock.fill(held(0, false))
  directory.calls.length = 0
  await stock.drawn(3)
  expect(published()).toEqual([])
  await Promise.all([stock.drawn(2), stock.drawn(1)])
  expect(published()).toEqual([{ oneTime: 4, lastResort: false }])
  await stock.drawn(0)
  expect(published()).toEqual([
    { oneTime: 4, lastResort: false },
    { oneTime: 6, lastResort: false },
  ])
})

test('nothing is published that could not be saved', async () => {
  endpoint.disk.fail({ reason: 'full' })
  await expect(stock.fill(held(0, false))).rejects.toMatchObject({ name: 'VaultError' })
  expect(directory.calls).toEqual([])
})

describe('the one of last resort', () => {
  test('is replaced after a week', async () => {
    await stock.fill(held(0, false))
    endpoint.clock.pass(7 * DAY_MS - 1000)
    expect(await stock.fill(held(6))).toBe(0)
    endpoint.clock.pass(2000)
    expect(await stock.fill(held(6))).toBe(1)
    expect(published()).toEqual([
      { oneTime: 6, lastResort: true },
      { oneTime: 0, lastResort: true },
    ])
  })

  test('is published again to a server that has lost it', async () => {
    await stock.fill(held(0, false))
    expect(await stock.fill(held(6, false))).toBe(1)
    expect(directory.calls[1]?.lastResortKeyPackage).toEqual(directory.calls[0]?.lastResortKeyPackage)
  })
})

test('those that have expired are forgotten when more are made', async () => {
  await stock.fill(held(0, false))
  endpoint.clock.pass(31 * DAY_MS)
  await stock.fill(held(0))
  const now = BigInt(endpoint.clock.now())
  expect(saved()).toHaveLength(7)
  expect(saved().every(({ notAfterMs }) => notAfterMs > now)).toBe(true)
})

describe('after a welcome', () => {
  /** So many are used up. */
  const use = (count: number) =>
    endpoint.written(tx => {
      for (const { key } of tx.list('keypackages', { group: 0n, limit: count })) tx.delete('keypackages', key)
    })

  test('the server is not asked as long as enough are here', async () => {
    await stock.fill(held(0, false))
    directory.calls.length = 0
    await use(4)
    await stock.check()
    expect(directory.calls).toEqual([])
  })

  test('the server is asked what it has when few are left, and gets what it lacks', async () => {
    await stock.fill(held(0, false))
    directory.calls.length = 0
    await use(5)
    directory.held = held(1)
    await stock.check()
    expect(published()).toEqual([
      { oneTime: 0, lastResort: false },
      { oneTime: 5, lastResort: false },
    ])
  })
})

test('unless another number is wanted, fifty are kept, and more are made below half of that', async () => {
  const usual = new KeyStock({ ...endpoint, exchange: directory.exchange })
  expect(usual.low).toBe(25)
  expect(await usual.fill(held(0, false))).toBe(51)
  expect(await usual.fill(held(25))).toBe(0)
  expect(await usual.fill(held(24, false))).toBe(27)
})

describe('the list of the account', () => {
  const leafLists = async () => {
    const { keyPackages = [], lastResortKeyPackage = new Uint8Array() } = directory.calls.at(-1) ?? {}
    const { engine } = endpoint.context
    const all = await Promise.all([...keyPackages, lastResortKeyPackage].map(engine.inspectKeyPackage))
    return all.map(({ leafData }) => decodeLeafList(leafData ?? new Uint8Array()))
  }
  const newest = () => endpoint.context.lists.get(alice.account.publicKey)!.lists[0].list
  const named = ({ number, hash } = newest()) => Array.from({ length: 7 }, () => ({ number, hash }))

  test('stands in every key package', async () => {
    await stock.fill(held(0, false))
    expect(await leafLists()).toEqual(named())
  })

  test('has to be known: nothing is made before', async () => {
    const without = await openTestContext(alice)
    const early = new KeyStock({ ...without, exchange: directory.exchange, size: 6 })
    expect(await early.fill(held(0, false))).toBe(0)
    await early.renew()
    expect(directory.calls).toEqual([])
    expect(without.context.records.keys('keypackages')).toEqual([])
  })

  test('is another one: all at the server are replaced, once; the private halves of those before stay', async () => {
    await stock.fill(held(0, false))
    await stock.renew()
    expect(directory.calls).toHaveLength(1)
    await listed(endpoint, [alice], 2)
    await stock.renew()
    await stock.renew()
    expect(directory.calls).toHaveLength(2)
    expect(directory.calls[1]).toMatchObject({ keyPackages: { length: 6 }, replacesKeyPackages: true })
    expect(await leafLists()).toEqual(named())
    expect(saved()).toHaveLength(14)
    expect(stock.held()).toHaveLength(7)
    endpoint.clock.pass(31 * DAY_MS)
    await stock.fill(held(0))
    expect(saved()).toHaveLength(7)
  })

  test('with the first line, too, whatever the server has', async () => {
    await stock.fill(held(0, false))
    await listed(endpoint, [alice], 2)
    expect(await stock.fill(held(6))).toBe(7)
    expect(directory.calls[1]).toMatchObject({ replacesKeyPackages: true })
    expect(await stock.fill(held(6))).toBe(0)
  })

  test('brings the same again where the answer was lost', async () => {
    directory.downAt = 1
    await expect(stock.renew()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    directory.downAt = Number.POSITIVE_INFINITY
    await stock.renew()
    const [lost, again] = directory.calls
    expect(again).toEqual(lost)
    expect(saved()).toHaveLength(7)
  })

  test('changes while the server takes those of the one before: they are replaced next', async () => {
    let taken = 0
    stock = new KeyStock({
      ...endpoint,
      async exchange(parts) {
        taken += 1
        if (taken === 1) await listed(endpoint, [alice], 2)
        return directory.exchange(parts)
      },
      size: 6,
    })
    await stock.fill(held(0, false))
    await stock.renew()
    expect(await leafLists()).toEqual(named())
    expect(directory.calls).toHaveLength(2)
  })
})
