import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { DEFAULT_SUITE, type KeyPackagePair } from '../../../../services/endpoint/mls/engine.js'
import { ciphersuites } from '../../../../services/endpoint/mls/library.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import { WorkerWelcomeOpener } from '../../../../services/endpoint/mls/welcome-opener.js'
import { forgeWelcome } from './forge.js'
import { forgeries } from './forgeries.js'
import {
  addAs,
  agreed,
  commitAs,
  type Device,
  engineFor,
  FAST_SUITE,
  found,
  keyPackageOf,
  newDevice,
  openAs,
  type Seat,
  sealAs,
  text,
} from './people.js'

const engine = await engineFor()
const validateModule = new URL('./validators.js', import.meta.url)
const opener = new WorkerWelcomeOpener({ validateModule })

let forger: Seat
let others: Seat[]
let victim: Device
let pair: KeyPackagePair
let welcome: Uint8Array

/** Six members with parents that are not blank, the last of them the victim. */
beforeAll(async () => {
  forger = await found(engine, 'mallory')
  others = await addAs(forger, [], ['b', 'c', 'd', 'e'])
  await commitAs(forger, others)
  await commitAs(others[2]!, [forger, others[0]!, others[1]!, others[3]!])
  victim = await newDevice('victim')
  pair = await keyPackageOf(engine, victim)
  const made = await commitAs(forger, others, { add: [pair.publicPackage], joiner: text('story') })
  welcome = made.welcome!
})
afterAll(() => opener.close())

async function causeOf(hostile: Uint8Array): Promise<string> {
  try {
    await opener.open({ welcome: hostile, keyPackages: [pair] })
    return 'opened'
  } catch (error) {
    return error instanceof MlsRefused ? error.why : String(error)
  }
}

/** The true welcome still opens, and leads into the group. */
async function expectOpensAfterwards(): Promise<void> {
  const opened = await opener.open({ welcome, keyPackages: [pair] })
  const seat = { device: victim, engine, state: engine.load(opened.state) }
  expect(agreed([forger, seat])).toBe(true)
  expect(await openAs(seat, await sealAs(forger, 'welcome'))).toBe('welcome')
}

describe('a good welcome', () => {
  test('opens, and names the key package that it used up', async () => {
    const spare = await keyPackageOf(engine, victim)
    const opened = await opener.open({ welcome, keyPackages: [spare, pair, spare] })
    expect(opened.usedKeyPackage).toBe(1)
    expect(opened.signer).toMatchObject({ leaf: 0, identity: forger.device.identity })
    expect(opened.joiner).toEqual(text('story'))
    await expectOpensAfterwards()
  })

  test('that is forged in no respect opens: what refuses the others is what they change', async () => {
    expect(await causeOf(await forgeWelcome(forger, pair))).toBe('opened')
  })

  test('several at once open one after the other', async () => {
    const all = await Promise.all(
      Array.from({ length: 4 }, () => opener.open({ welcome, keyPackages: [pair] })),
    )
    expect(all.map(opened => opened.usedKeyPackage)).toEqual([0, 0, 0, 0])
  })
})

describe('a hostile welcome is refused, and the opener works afterwards', () => {
  test.each(forgeries)('%s', async (_name, cause, forgery) => {
    expect(await causeOf(await forgeWelcome(forger, pair, await forgery({ forger, others })))).toBe(cause)
    await expectOpensAfterwards()
  })

  test('bytes behind it', async () => {
    expect(await causeOf(Buffer.concat([welcome, Uint8Array.of(0)]))).toBe('malformed')
    await expectOpensAfterwards()
  })

  test('cut off anywhere', async () => {
    for (const length of [0, 1, 3, 4, 5, 10, 100, 1_000, welcome.length - 1])
      expect(await causeOf(welcome.subarray(0, length))).toBe('malformed')
    await expectOpensAfterwards()
  })

  test('random bytes, alone and behind a true header', async () => {
    for (const length of [0, 1, 7, 64, 5_000]) {
      expect(await causeOf(randomBytes(length))).toMatch(/malformed|unsupported/)
      const behindHeader = Buffer.concat([welcome.subarray(0, 4), randomBytes(length)])
      expect(await causeOf(behindHeader)).toMatch(/malformed|unsupported|no-matching-key-package/)
    }
    await expectOpensAfterwards()
  })

  test('bits flipped in it', async () => {
    for (let count = 0; count < 30; count++) {
      const flipped = welcome.slice()
      flipped[Math.floor((flipped.length * count) / 30)]! ^= 1 << (count % 8)
      expect(await causeOf(flipped)).toMatch(/malformed|unsupported|not-authentic|no-matching-key-package/)
    }
    await expectOpensAfterwards()
  })

  test('of another suite, said or true', async () => {
    const renamed = welcome.slice()
    new DataView(renamed.buffer).setUint16(4, 1)
    expect(ciphersuites[DEFAULT_SUITE]).toBe(83)
    expect(await causeOf(renamed)).toBe('unsupported')
    const fast = await engineFor({ suite: FAST_SUITE })
    const alice = await found(fast, 'alice')
    const other = await keyPackageOf(fast, victim)
    const made = await fast.commit(alice.state, { add: [other.publicPackage] })
    expect(await causeOf(made.welcome!)).toBe('no-matching-key-package')
    await expectOpensAfterwards()
  })

  test('for somebody else, or another kind of message', async () => {
    const made = await engine.commit(forger.state, {
      add: [(await keyPackageOf(engine, await newDevice('zoe'))).publicPackage],
    })
    expect(await causeOf(made.welcome!)).toBe('no-matching-key-package')
    expect(await causeOf(made.commit)).toBe('malformed')
    expect(await causeOf(pair.publicPackage)).toBe('malformed')
    await expectOpensAfterwards()
  })

  test('longer than any that a server takes', async () => {
    expect(await causeOf(new Uint8Array(8 * 1024 * 1024 + 1))).toBe('too-costly')
  })
})

describe('a welcome that takes the worker down', () => {
  test.each([
    ['endless-validator', 3_000],
    ['greedy-validator', 30_000],
  ])(
    '%s costs its own time only',
    async (validator, timeoutMs) => {
      const hostile = new WorkerWelcomeOpener({
        validateModule: new URL(`./${validator}.js`, import.meta.url),
        timeoutMs,
      })
      for (let count = 0; count < 2; count++)
        await expect(hostile.open({ welcome, keyPackages: [pair] })).rejects.toMatchObject({
          why: 'too-costly',
        })
      // Refused before any credential is looked at, so this shows a worker that is up again.
      await expect(hostile.open({ welcome: text('x'), keyPackages: [pair] })).rejects.toMatchObject({
        why: 'malformed',
      })
      await hostile.close()
    },
    60_000,
  )

  test('a worker that has nothing to do is ended, and another one started for the next', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'parley-welcome-'))
    const validateModule = new URL('./counted-validator.js', import.meta.url)
    validateModule.searchParams.set('file', join(folder, 'started'))
    const started = async () => (await readFile(join(folder, 'started'))).length
    const opener = new WorkerWelcomeOpener({ validateModule, idleMs: 1 })
    const refused = () => opener.open({ welcome: text('x'), keyPackages: [pair] }).catch(() => undefined)
    await refused()
    expect(await started()).toBe(1)
    while ((await started()) < 2) {
      await delay(5)
      await refused()
    }
    await opener.close()
    await rm(folder, { recursive: true })
  })

  test('closing while one is being opened is no verdict about it', async () => {
    const validator = new URL('./endless-validator.js', import.meta.url)
    const endless = new WorkerWelcomeOpener({ validateModule: validator })
    const outcome = endless.open({ welcome, keyPackages: [pair] }).catch((error: unknown) => error)
    // The worker is started in the turn after open(), and close() must find it.
    await Promise.resolve()
    await Promise.resolve()
    await endless.close()
    const error = await outcome
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(MlsRefused)
  })
})
