import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { BundleHeadSchema } from '../../../../gen/parley/v1/chat_pb.js'
import {
  type BundleParts,
  isHeadOfBundle,
  isHeadOfCommit,
  isHeadOfWelcome,
  makeBundleHead,
  readBundleHead,
  type SignedHead,
} from '../../../../services/protocol/log/bundle-head.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf, sign } from '../../../../services/protocol/signature.js'
import { makeDevice } from '../../../support/contract-device.js'
import { signedCommit } from '../../../support/contract-head.js'

const device = keyPairOf(crypto, new Uint8Array(32).fill(2))
const other = keyPairOf(crypto, new Uint8Array(32).fill(3))
const ID = new Uint8Array(16).fill(1)
const idOf = (fill: number) => new Uint8Array(32).fill(fill)

const BUNDLE = {
  epoch: 4n,
  commit: Uint8Array.of(1, 2, 3),
  welcomes: [{ welcome: Uint8Array.of(4) }, { welcome: Uint8Array.of(5, 6) }],
  rosterChange: { addedDeviceIds: [idOf(1), idOf(2)], removedDeviceIds: [idOf(3)] },
} as const satisfies BundleParts

const TAG = new Uint8Array(32).fill(8)
const made = (of: Partial<Parameters<typeof makeBundleHead>[1]> = {}) =>
  makeBundleHead(crypto, { conversationId: ID, bundle: BUNDLE, epochTag: TAG, device, ...of })
const read = (head: SignedHead) => readBundleHead(crypto, head)

/** A head with these fields, signed whatever they are. */
function signedAs(change: Parameters<typeof create<typeof BundleHeadSchema>>[1]): SignedHead {
  const right = fromBinary(BundleHeadSchema, made().head)
  const head = toBinary(BundleHeadSchema, create(BundleHeadSchema, { ...right, ...change }))
  const headSignature = sign(crypto, {
    label: 'parley.v1.BundleHead',
    bytes: head,
    privateKey: device.privateKey,
  })
  return { head, headSignature }
}

describe('a head', () => {
  test('says what it is of, and by whom', () => {
    const head = read(made({ succeeds: { conversationId: new Uint8Array(16).fill(9), epoch: 7n } }))
    expect(head).toMatchObject({
      ...{ conversationId: ID, epoch: 4n, succeeds: new Uint8Array(16).fill(9), succeedsEpoch: 7n },
      deviceId: device.publicKey,
    })
    expect(read(made())).toMatchObject({ succeeds: new Uint8Array(), succeedsEpoch: 0n })
  })

  test('is the same as one that is made from the contract alone', () => {
    const contracted = makeDevice()
    const { epoch, commit, rosterChange } = BUNDLE
    const welcomes = BUNDLE.welcomes.map(({ welcome }) => ({ welcome, deviceIds: [idOf(1)] }))
    const value = { epoch, commit, welcomes, rosterChange: structuredClone(rosterChange) }
    const { envelope } = signedCommit(contracted, { conversationId: ID, envelope: { case: 'commit', value } })
    if (envelope?.case !== 'commit') throw new Error('it is no commit')
    const { head = new Uint8Array(), headSignature = new Uint8Array() } = envelope.value
    const message = read({ head, headSignature })
    expect(message?.deviceId).toEqual(contracted.id)
    expect(isHeadOfBundle(crypto, message!, { conversationId: ID, bundle: BUNDLE })).toBe(true)
  })

  test('holds for its bytes, its signature and its device, and for no others', () => {
    const good = made()
    for (const field of ['head', 'headSignature'] as const)
      for (let bit = 0; bit < good[field].length * 8; bit += 3) {
        const bytes = good[field].slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        expect(read({ ...good, [field]: bytes })).toBeUndefined()
      }
    expect(read({ ...good, headSignature: made({ device: other }).headSignature })).toBeUndefined()
    expect(read({ head: new Uint8Array(), headSignature: new Uint8Array() })).toBeUndefined()
  })

  test.each<[string, Parameters<typeof signedAs>[0]]>([
    ['a conversation', { conversationId: ID.slice(1) }],
    ['a hash of the commit', { commitHash: new Uint8Array(31) }],
    ['a hash of a welcome', { welcomeHashes: [new Uint8Array(32), new Uint8Array(33)] }],
    ['a hash of a roster change', { rosterChangeHash: new Uint8Array() }],
    ['a predecessor', { succeeds: new Uint8Array(15) }],
    ['an epoch of no predecessor', { succeedsEpoch: 1n }],
  ])('with %s that breaks its rule is none, though it is signed', (_, change) => {
    expect(read(signedAs(change))).toBeUndefined()
    expect(read(signedAs({}))).toBeDefined()
  })

  test('is never read with an error, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ maxLength: 70 }),
        (head, headSignature) => {
          expect(read({ head, headSignature })).toBeUndefined()
        },
      ),
    )
  })

  test('is of a conversation only', () => {
    expect(() => made({ conversationId: ID.slice(1) })).toThrow(RangeError)
  })
})

describe('a bundle', () => {
  const head = read(made())!
  const isIts = (change: Partial<BundleParts> = {}, conversationId: Uint8Array = ID) =>
    isHeadOfBundle(crypto, head, { conversationId, bundle: { ...BUNDLE, ...change } })

  test('has its own head', () => {
    expect(isIts()).toBe(true)
    const plain = { epoch: 1n, commit: Uint8Array.of(1), welcomes: [] }
    const of = read(made({ bundle: plain }))!
    const empty = { addedDeviceIds: [], removedDeviceIds: [] }
    for (const rosterChange of [undefined, empty])
      expect(isHeadOfBundle(crypto, of, { conversationId: ID, bundle: { ...plain, rosterChange } })).toBe(
        true,
      )
  })

  test.each<[string, Partial<BundleParts>]>([
    ['epoch', { epoch: 5n }],
    ['commit', { commit: Uint8Array.of(1, 2) }],
    ['welcome', { welcomes: [BUNDLE.welcomes[0], { welcome: Uint8Array.of(5, 7) }] }],
    ['number of welcomes', { welcomes: [BUNDLE.welcomes[0]] }],
    ['order of welcomes', { welcomes: BUNDLE.welcomes.toReversed() }],
    ['roster change', { rosterChange: { addedDeviceIds: [idOf(1)], removedDeviceIds: [idOf(2), idOf(3)] } }],
    ['device that is removed', { rosterChange: { ...BUNDLE.rosterChange, removedDeviceIds: [idOf(4)] } }],
    ['roster change at all', { rosterChange: undefined }],
  ])('with another %s has not', (_, change) => expect(isIts(change)).toBe(false))

  test('of another conversation has not', () => expect(isIts({}, new Uint8Array(16))).toBe(false))

  test('whose ids are cut in other places has not, though the bytes are the same', () => {
    const [first, second] = BUNDLE.rosterChange.addedDeviceIds
    const long = new Uint8Array([...second, ...BUNDLE.rosterChange.removedDeviceIds[0]])
    expect(isIts({ rosterChange: { addedDeviceIds: [first, long], removedDeviceIds: [] } })).toBe(false)
  })

  test('is known by its parts: the commit, and each welcome', () => {
    const commit = { epoch: 4n, commit: BUNDLE.commit, rosterChange: BUNDLE.rosterChange }
    const isCommit = (change: Partial<typeof commit>) =>
      isHeadOfCommit(crypto, head, { conversationId: ID, commit: { ...commit, ...change } })
    expect([isCommit({}), isCommit({ epoch: 3n })]).toEqual([true, false])
    const isWelcome = (welcome: Uint8Array, epoch = 5n, conversationId: Uint8Array = ID) =>
      isHeadOfWelcome(crypto, head, { conversationId, welcome: { welcome, epoch } })
    expect(BUNDLE.welcomes.map(({ welcome }) => isWelcome(welcome))).toEqual([true, true])
    expect([isWelcome(Uint8Array.of(9)), isWelcome(Uint8Array.of(4), 4n)]).toEqual([false, false])
    expect(isWelcome(Uint8Array.of(4), 5n, new Uint8Array(16))).toBe(false)
  })
})
