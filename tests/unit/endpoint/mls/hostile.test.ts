// Bytes and commits from those who wish us ill, and our own storage when it is damaged.

import { beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createProposal, joinGroup, makePskIndex } from 'ts-mls'
import { decodeStrict } from '../../../../services/endpoint/mls/codec.js'
import { SUPPORTED_EXTENSIONS } from '../../../../services/endpoint/mls/extensions.js'
import { decodeKeyPackage, decodePrivate } from '../../../../services/endpoint/mls/key-package.js'
import {
  createApplicationMessage,
  encodeMlsMessage,
  type Proposal,
} from '../../../../services/endpoint/mls/library.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import { context, libraryCommit } from './forge.js'
import {
  acceptAll,
  addAs,
  agreed,
  commitAs,
  engineFor,
  found,
  keyPackageOf,
  newDevice,
  openAs,
  outcome,
  type Seat,
  sealAs,
  text,
} from './people.js'

const engine = await engineFor()
let alice: Seat
let bob: Seat
let carol: Seat

beforeAll(async () => {
  alice = await found(engine, 'alice')
  const [second, third] = await addAs(alice, [], ['bob', 'carol'])
  bob = second!
  carol = third!
  await commitAs(bob, [alice, carol])
})

/** Random bytes, and true ones that were cut, extended or changed. */
function hostileBytes(truth: Uint8Array) {
  const at = fc.nat({ max: truth.length - 1 })
  return fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    at.map(length => truth.subarray(0, length)),
    fc.uint8Array({ minLength: 1, maxLength: 9 }).map(more => Buffer.concat([truth, more])),
    fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([index, bits]) => {
      const changed = Uint8Array.from(truth)
      changed[index]! ^= bits
      return changed
    }),
  )
}

async function onlyRefuses(work: () => unknown): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    if (error instanceof MlsRefused) return true
    throw error
  }
}

describe('any bytes', () => {
  test('to open() are refused or put off, and never thrown', async () => {
    const made = await engine.commit(alice.state, {})
    const message = (await engine.seal(alice.state, text('true'))).ciphertext
    for (const truth of [message, made.commit, (await keyPackageOf(engine, bob.device)).publicPackage])
      await fc.assert(
        fc.asyncProperty(hostileBytes(truth), async bytes => {
          const opened = await engine.open(bob.state, bytes, acceptAll)
          expect(['refused', 'future-epoch', 'old-epoch']).toContain(opened.kind)
        }),
        { numRuns: 150 },
      )
  })

  test('to inspectKeyPackage() are refused', async () => {
    const { publicPackage } = await keyPackageOf(engine, await newDevice('dave'))
    expect(await engine.inspectKeyPackage(publicPackage)).toMatchObject({ identity: expect.anything() })
    await fc.assert(
      fc.asyncProperty(hostileBytes(publicPackage), bytes =>
        onlyRefuses(() => engine.inspectKeyPackage(bytes)),
      ),
    )
  })

  test('to load(), applyDelta(), adopt() and create() are refused, or are a state', async () => {
    const saved = engine.save(alice.state)
    const place = { epoch: engine.epoch(alice.state), leaf: 0 }
    const delta = engine.delta(alice.state, place)
    const pair = await keyPackageOf(engine, alice.device)
    await fc.assert(
      fc.asyncProperty(
        hostileBytes(saved),
        async bytes => void (await onlyRefuses(() => engine.load(bytes))),
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        hostileBytes(delta),
        async bytes => void (await onlyRefuses(() => engine.applyDelta(alice.state, place, bytes))),
      ),
    )
    await fc.assert(
      fc.asyncProperty(hostileBytes(saved), bytes => onlyRefuses(() => engine.adopt(alice.state, bytes))),
    )
    await fc.assert(
      fc.asyncProperty(
        hostileBytes(pair.privatePackage),
        async bytes => void (await onlyRefuses(() => decodePrivate(context, bytes))),
      ),
    )
  })

  test('cut short or with more behind them are never a state', async () => {
    const saved = engine.save(alice.state)
    for (let length = 0; length < saved.length; length += 37)
      expect(() => engine.load(saved.subarray(0, length))).toThrow(MlsRefused)
    expect(() => engine.load(Buffer.concat([saved, Uint8Array.of(0)]))).toThrow('damaged')
    const otherSuite = saved.slice()
    otherSuite[2] = 1
    expect(() => engine.load(otherSuite)).toThrow('damaged')
    expect(Buffer.compare(engine.save(engine.load(saved)), saved)).toBe(0)
  })

  test('as places that the state does not have are refused', () => {
    for (const place of [
      { epoch: 99n, leaf: 0 },
      { epoch: engine.epoch(alice.state), leaf: 99 },
      { epoch: engine.epoch(alice.state), leaf: -1 },
    ])
      expect(() => engine.delta(alice.state, place)).toThrow(MlsRefused)
  })
})

describe('a key package', () => {
  test('outside of its lifetime, or with one that is too long, is refused', async () => {
    const device = await newDevice('dave')
    const { generateKeyPackageWithKey } = await import('../../../../services/endpoint/mls/library.js')
    const now = BigInt(Math.floor(Date.now() / 1_000))
    const day = 86_400n
    for (const [notBefore, notAfter] of [
      [now - 2n * day, now - day],
      [now + day, now + 2n * day],
      [now - day, now + 365n * day],
      [0n, (1n << 63n) - 1n],
    ] as const) {
      const { publicPackage: keyPackage } = await generateKeyPackageWithKey(
        { credentialType: 'basic', identity: device.identity },
        {
          versions: ['mls10'],
          ciphersuites: [context.suite.name],
          extensions: SUPPORTED_EXTENSIONS,
          proposals: [],
          credentials: ['basic'],
        },
        { notBefore, notAfter },
        [],
        { signKey: device.signatureKey, publicKey: device.publicKey },
        context.suite,
      )
      const bytes = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage })
      await expect(engine.inspectKeyPackage(bytes)).rejects.toMatchObject({ why: 'expired' })
    }
  })

  test('of last resort says so, and is one like any other', async () => {
    const device = await newDevice('dave')
    const pair = await engine.newKeyPackage({ ...device, lastResort: true })
    expect(await engine.inspectKeyPackage(pair.publicPackage)).toEqual({
      identity: device.identity,
      signatureKey: device.publicKey,
    })
    expect(decodeKeyPackage(context, pair.publicPackage).extensions).toHaveLength(1)
    for (const founder of ['eve', 'frank']) {
      const seat = await found(engine, founder)
      const made = await engine.commit(seat.state, { add: [pair.publicPackage] })
      const { state } = await engine.unsafeJoinHere(made.welcome!, [pair])
      expect(engine.members(state)).toHaveLength(2)
    }
  })

  test('of a device whose identity certifies another key is refused', async () => {
    const [dave, eve] = [await newDevice('dave'), await newDevice('eve')]
    const { publicPackage } = await keyPackageOf(engine, { ...dave, identity: eve.identity })
    await expect(engine.inspectKeyPackage(publicPackage)).rejects.toMatchObject({ why: 'bad-credential' })
  })
})

describe("a member's forged handshake", () => {
  const openedBy = async (seat: Seat, bytes: Uint8Array) =>
    outcome(await engine.open(seat.state, bytes, acceptAll))

  test('with a proposal that Parley does not use is refused', async () => {
    const extensions: Proposal = {
      proposalType: 'group_context_extensions',
      groupContextExtensions: { extensions: [] },
    }
    const custom: Proposal = { proposalType: 4_242, proposalData: new Uint8Array(3) }
    for (const proposal of [extensions, custom])
      expect(await openedBy(bob, await libraryCommit(alice.state, [proposal]))).toBe('refused: unsupported')
  })

  test('a text with data that the server reads is refused', async () => {
    const { privateMessage } = await createApplicationMessage(
      alice.state,
      text('hello'),
      context.suite,
      text('for the server'),
    )
    const wireformat = 'mls_private_message' as const
    const bytes = encodeMlsMessage({ version: 'mls10', wireformat, privateMessage })
    expect(await openedBy(bob, bytes)).toBe('refused: unsupported')
  })

  test('in the clear is refused, whatever it says', async () => {
    expect(await openedBy(bob, await libraryCommit(alice.state, [], true))).toBe('refused: unsupported')
  })

  test('a proposal on its own is refused: it would keep everybody from sending', async () => {
    const proposal: Proposal = { proposalType: 'remove', remove: { removed: engine.ownLeaf(carol.state) } }
    const { message } = await createProposal(alice.state, false, proposal, context.suite)
    expect(await openedBy(bob, encodeMlsMessage(message))).toBe('refused: standalone-proposal')
    const inTheClear = await createProposal(alice.state, true, proposal, context.suite)
    expect(await openedBy(bob, encodeMlsMessage(inTheClear.message))).toBe('refused: unsupported')
  })

  test("that gives the committer's leaf to another identity is refused", async () => {
    const ratchetTree = structuredClone(alice.state.ratchetTree)
    const own = ratchetTree[engine.ownLeaf(alice.state) * 2]
    if (own?.nodeType !== 'leaf') throw new Error('no leaf')
    const identity = new Uint8Array(Buffer.concat([text('the operator'), alice.device.publicKey]))
    own.leaf.credential = { credentialType: 'basic', identity }
    const bytes = await libraryCommit({ ...alice.state, ratchetTree }, [])
    expect(await openedBy(bob, bytes)).toBe('refused: identity-changed')
  })

  test('with a broken path is refused, and the true one is taken afterwards', async () => {
    const secretTree = structuredClone(alice.state.secretTree)
    const keySchedule = { ...alice.state.keySchedule, initSecret: new Uint8Array(64) }
    const bytes = await libraryCommit({ ...alice.state, secretTree, keySchedule }, [])
    expect(await openedBy(bob, bytes)).toBe('refused: not-authentic')
    await commitAs(alice, [bob, carol])
    expect(agreed([alice, bob, carol])).toBe(true)
    expect(await openAs(carol, await sealAs(bob, 'still here'))).toBe('still here')
  })
})

test('a newcomer joins where the library refuses a valid tree', async () => {
  const owner = await found(engine, 'owner')
  const rest = await addAs(owner, [], ['b', 'c', 'd', 'e', 'f', 'g', 'h'])
  const leaving = [rest[1]!, rest[5]!]
  const staying = rest.filter(seat => !leaving.includes(seat))
  await commitAs(owner, rest, { remove: leaving.map(seat => engine.ownLeaf(seat.state)) })
  await commitAs(owner, staying)
  const packages = await Promise.all(
    ['i', 'j'].map(async name => keyPackageOf(engine, await newDevice(name))),
  )
  // From the other half of the tree than the first of them comes to: it is unmerged there and not in the root.
  const adder = staying.at(-1)!
  const { welcome } = await commitAs(adder, [owner, ...staying.slice(0, -1)], {
    add: packages.map(pair => pair.publicPackage),
  })
  const message = decodeStrict(welcome!)
  if (message.wireformat !== 'mls_welcome') throw new Error('no welcome')
  const second = packages[1]!
  const theirs = joinGroup(
    message.welcome,
    decodeKeyPackage(context, second.publicPackage),
    decodePrivate(context, second.privatePackage),
    makePskIndex(undefined, {}),
    context.suite,
    undefined,
    undefined,
    context.config,
  )
  await expect(theirs).rejects.toThrow('unmerged_leaves')
  const { state } = await engine.unsafeJoinHere(welcome!, packages.slice(1))
  const joined = { device: await newDevice('j'), engine, state }
  expect(agreed([owner, ...staying, joined])).toBe(true)
})
