// Key packages in time: by the clock that the engine is given.

import { beforeEach, expect, test } from '@jest/globals'
import { createEngine, type Engine, type KeyPackagePair } from '../../../../services/endpoint/mls/engine.js'
import { FAST_SUITE, found, keyPackageOf, newDevice, type Seat, validateByName } from './people.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

let now: number
let engine: Engine
let alice: Seat
let bob: KeyPackagePair

beforeEach(async () => {
  // The library looks at the system's clock besides, when it makes a commit.
  now = Date.now()
  engine = await createEngine({ validate: validateByName, suite: FAST_SUITE, now: () => now })
  alice = await found(engine, 'alice')
  bob = await keyPackageOf(engine, await newDevice('bob'))
})

const add = () => engine.commit(alice.state, { add: [bob.publicPackage] })

test('a key package is good for 30 days', async () => {
  expect(bob.notAfter).toBe(Math.floor(now / 1000) * 1000 + 30 * DAY_MS)
  now += 30 * DAY_MS - 1000
  await engine.inspectKeyPackage(bob.publicPackage)
  await add()
})

test('one that was looked at while it was good, and is kept, is not used when it has expired', async () => {
  await engine.inspectKeyPackage(bob.publicPackage)
  await add()
  now += 31 * DAY_MS
  await expect(add()).rejects.toMatchObject({ why: 'no-usable-key-package' })
  await expect(engine.inspectKeyPackage(bob.publicPackage)).rejects.toMatchObject({ why: 'expired' })
})

test('one is good for a device whose clock is an hour behind, and no more', async () => {
  now -= HOUR_MS
  await engine.inspectKeyPackage(bob.publicPackage)
  now -= 1000
  await expect(engine.inspectKeyPackage(bob.publicPackage)).rejects.toMatchObject({ why: 'expired' })
})
