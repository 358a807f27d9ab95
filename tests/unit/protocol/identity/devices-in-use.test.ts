import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DeviceRemovalSchema, SignedDeviceRemovalSchema } from '../../../../gen/parley/v1/identity_pb.js'
import { compareBytes, equalBytes, toHex } from '../../../../services/protocol/bytes.js'
import { IdentityError, type IdentityReason } from '../../../../services/protocol/error.js'
import {
  type DeviceList,
  makeDeviceList,
  readDeviceList,
} from '../../../../services/protocol/identity/device-list.js'
import {
  checkRemoval,
  type DeviceRemoval,
  makeDeviceRemoval,
  readDeviceRemoval,
  readRemovalsOf,
} from '../../../../services/protocol/identity/device-removal.js'
import {
  type AccountDevices,
  accountDevicesInUse,
  devicesInUse,
  knownDevices,
  type ListState,
  learnDevices,
  returningWith,
  withFirstOfPair,
} from '../../../../services/protocol/identity/devices-in-use.js'
import {
  type AccountKeys,
  accountKeys,
  type DeviceKeys,
  deviceKeys,
} from '../../../../services/protocol/keys.js'
import { nodeCrypto as crypto } from '../../../../services/protocol/node/crypto.js'
import { type KeyPair, keyPairOf, type Label, sign } from '../../../../services/protocol/signature.js'

const pair = (seed: number) => keyPairOf(crypto, new Uint8Array(32).fill(seed))
const account = accountKeys(pair(1))
/** Six that may be listed; the place on `list` is the place here. */
const devices = [2, 3, 4, 5, 6, 7].map(seed => deviceKeys(pair(seed)))
const PLACES = devices.length
const stranger = deviceKeys(pair(99))

interface Making {
  number?: number
  places?: readonly number[]
  by?: AccountKeys
  issuedAt?: number
}

function listOf({ number = 10, places = [0, 1, 2, 3, 4, 5], by = account, issuedAt = 0 }: Making = {}) {
  const bytes = makeDeviceList(crypto, by, {
    handle: 'ada',
    serverId: new Uint8Array(16),
    number,
    previous: undefined,
    issuedAt,
    devices: places.map(place => ({ deviceKey: devices[place]!.publicKey, listedAt: 0 })),
  })
  return readDeviceList(crypto, bytes)
}

interface Removing {
  of?: DeviceList
  signer: KeyPair
  removed: KeyPair
  accountKey?: Uint8Array
  removedAt?: number
  label?: Label
  signedBy?: KeyPair
  fields?: MessageInitShape<typeof DeviceRemovalSchema>
}

/** An encoded removal that an honest device might refuse to make. */
function encodedRemoval(what: Removing): Uint8Array {
  const { of = list, signer, removed, accountKey = of.accountKey, removedAt = 0, signedBy = signer } = what
  const removal = toBinary(
    DeviceRemovalSchema,
    create(DeviceRemovalSchema, {
      accountKey,
      list: of.hash,
      deviceKey: removed.publicKey,
      signerKey: signer.publicKey,
      removedAtMs: BigInt(removedAt),
      ...what.fields,
    }),
  )
  const label = what.label ?? 'parley.v1.DeviceRemoval'
  const signature = sign(crypto, { label, bytes: removal, privateKey: signedBy.privateKey })
  return toBinary(SignedDeviceRemovalSchema, create(SignedDeviceRemovalSchema, { removal, signature }))
}

const list = listOf()
const removalOf = (what: Removing) => readDeviceRemoval(crypto, encodedRemoval(what))
/** Every removal that any of the devices can sign of any: [signer][removed]. */
const all = devices.map(signer => devices.map(removed => removalOf({ signer, removed })))
const by = (signer: number, removed: number) => all[signer]![removed]!
const inUse = (removals: readonly DeviceRemoval[], of = list) => namesOf(devicesInUse(of, removals))
const place = fc.integer({ min: 0, max: PLACES - 1 })
const someRemovals = fc.array(
  fc.tuple(place, place).map(([signer, removed]) => by(signer, removed)),
  { maxLength: 20 },
)

function namesOf(found: readonly { deviceKey: Uint8Array }[]): number[] {
  return found.map(({ deviceKey }) =>
    devices.findIndex(({ publicKey }) => compareBytes(publicKey, deviceKey) === 0),
  )
}

function reasonOf(work: () => unknown): IdentityReason | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError)
    return (error as IdentityError).reason
  }
}

describe('a removal', () => {
  test('is read as it was made', () => {
    const [signer, other] = [devices[1]!, devices[4]!]
    const made = makeDeviceRemoval(crypto, signer, { list, deviceKey: other.publicKey, removedAt: 7 })
    const removal = readDeviceRemoval(crypto, made)
    expect(removal).toEqual({
      accountKey: account.publicKey,
      list: list.hash,
      deviceKey: other.publicKey,
      signerKey: signer.publicKey,
      removedAt: 7,
      encoded: made,
    })
    expect(checkRemoval(removal, list)).toEqual({ signer: 1, removed: 4 })
  })

  test('is not made where it could never count', () => {
    const make = (signer: DeviceKeys, { publicKey: deviceKey }: DeviceKeys) =>
      reasonOf(() => makeDeviceRemoval(crypto, signer, { list, deviceKey, removedAt: 0 }))
    expect(make(devices[3]!, devices[2]!)).toBe('order')
    expect(make(stranger, devices[2]!)).toBe('not-listed')
    expect(make(devices[0]!, stranger)).toBe('not-listed')
    expect(make(devices[3]!, devices[3]!)).toBeUndefined()
  })

  test.each<[string, Partial<Removing>, IdentityReason]>([
    ['by another key than it names', { signedBy: stranger }, 'signature'],
    ["by the account's key under a device's name", { signedBy: account }, 'signature'],
    ['under another label', { label: 'parley.v1.DeviceList' }, 'signature'],
    ['of another account', { accountKey: stranger.publicKey }, 'other-account'],
    ['of another list', { of: listOf({ number: 9 }) }, 'other-list'],
    ['of a device ahead', { signer: devices[3]!, removed: devices[0]! }, 'order'],
    ['by a stranger', { signer: stranger }, 'not-listed'],
    ["by the account's key", { signer: account }, 'not-listed'],
    ['of a stranger', { removed: stranger }, 'not-listed'],
  ])('%s is refused with its reason, and counts for nothing', (_, what, reason) => {
    const encoded = encodedRemoval({ signer: devices[0]!, removed: devices[1]!, ...what })
    expect(reasonOf(() => checkRemoval(readDeviceRemoval(crypto, encoded), list))).toBe(reason)
    expect(readRemovalsOf(crypto, list, [encoded])).toEqual([])
    if (reason !== 'signature') expect(inUse([readDeviceRemoval(crypto, encoded)])).toHaveLength(PLACES)
  })

  test.each<[string, MessageInitShape<typeof DeviceRemovalSchema>]>([
    ['a short account key', { accountKey: new Uint8Array(31) }],
    ['half a hash of its list', { list: new Uint8Array(16) }],
    ['a removed device of small order', { deviceKey: new Uint8Array(32) }],
    ['a removed device of 33 bytes', { deviceKey: new Uint8Array(33) }],
    ['a signer of small order', { signerKey: new Uint8Array(32) }],
    ['a time before 1970', { removedAtMs: -1n }],
    ['a time past all dates', { removedAtMs: 8_640_000_000_000_001n }],
  ])('with %s is malformed, though it is signed', (_, fields) => {
    const [signer, removed] = [devices[0]!, devices[1]!]
    const encoded = encodedRemoval({ signer, removed, fields })
    expect(reasonOf(() => readDeviceRemoval(crypto, encoded))).toBe('malformed')
  })

  test('with a cut signature is refused without asking the cryptography', () => {
    const { removal, signature } = fromBinary(SignedDeviceRemovalSchema, by(0, 1).encoded)
    const cut = create(SignedDeviceRemovalSchema, { removal, signature: signature.subarray(1) })
    const bytes = toBinary(SignedDeviceRemovalSchema, cut)
    const trusting = { ...crypto, ed25519Verify: () => true }
    expect(reasonOf(() => readDeviceRemoval(trusting, bytes))).toBe('signature')
  })

  test('that the cryptography fails on is no silence', () => {
    const broken = {
      ...crypto,
      ed25519Verify: (): boolean => {
        throw new RangeError('broken')
      },
    }
    expect(() => readRemovalsOf(broken, list, [by(0, 1).encoded])).toThrow(RangeError)
  })

  test('that is no removal is refused, and hides none that is one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1500 }), garbage => {
        expect(reasonOf(() => readDeviceRemoval(crypto, garbage))).toBeDefined()
        const read = readRemovalsOf(crypto, list, [garbage, by(0, 1).encoded, garbage])
        expect(read).toEqual([by(0, 1)])
      }),
    )
  })

  test('among more than can count is refused before any is verified', () => {
    let asked = 0
    const counting = { ...crypto, ed25519Verify: () => ++asked < 0 }
    const many = Array.from({ length: 257 }, () => by(0, 1).encoded)
    expect(reasonOf(() => readRemovalsOf(counting, list, many))).toBe('too-many')
    expect(asked).toBe(0)
    expect(readRemovalsOf(crypto, list, many.slice(1))).toHaveLength(256)
  })
})

describe('the devices in use', () => {
  test('are all that are listed, in their order, while nothing was removed', () => {
    expect(inUse([])).toEqual([0, 1, 2, 3, 4, 5])
    const turned = listOf({ places: [4, 0, 2] })
    expect(inUse([], turned)).toEqual([4, 0, 2])
    expect(inUse([removalOf({ of: turned, signer: devices[4]!, removed: devices[0]! })], turned)).toEqual([
      4, 2,
    ])
  })

  test('a device ends itself and those behind it, and none ahead', () => {
    expect(inUse([by(2, 2)])).toEqual([0, 1, 3, 4, 5])
    expect(inUse([by(2, 4), by(2, 3)])).toEqual([0, 1, 2, 5])
    expect(inUse([by(2, 0), by(2, 1)])).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('a removed device has removed nobody, also with an earlier time', () => {
    expect(inUse([by(1, 3)])).toEqual([0, 1, 2, 4, 5])
    expect(inUse([by(1, 3), by(0, 1)])).toEqual([0, 2, 3, 4, 5])
    const backdated = removalOf({ signer: devices[1]!, removed: devices[3]!, removedAt: 1 })
    const later = removalOf({ signer: devices[0]!, removed: devices[1]!, removedAt: 1_000_000 })
    expect(inUse([backdated, later])).toEqual([0, 2, 3, 4, 5])
  })

  test('a device that ends itself brings nobody back whom it had ended', () => {
    expect(inUse([by(1, 3), by(1, 1)])).toEqual([0, 2, 4, 5])
    expect(inUse([by(1, 1), by(1, 3)])).toEqual([0, 2, 4, 5])
    // Once one before it ends it, what it signed does not count, whether or not it ended itself.
    expect(inUse([by(1, 3), by(1, 1), by(0, 1)])).toEqual([0, 2, 3, 4, 5])
    // By itself no device ends one that was ended before by another.
    expect(inUse([by(2, 2), by(1, 2), by(2, 3)])).toEqual([0, 1, 3, 4, 5])
  })

  test('a removal that its signer loses may give another its own back', () => {
    // 1 removed 2, which had removed 3. Once 0 removes 1, 2 is back, and so 3 is removed again.
    expect(inUse([by(1, 2), by(2, 3)])).toEqual([0, 1, 3, 4, 5])
    expect(inUse([by(1, 2), by(2, 3), by(0, 1)])).toEqual([0, 2, 4, 5])
  })

  test('those who would come back with a removal are told', () => {
    const state: ListState = { list, removals: [by(1, 3), by(1, 4), by(0, 4)] }
    expect(namesOf(returningWith(state, by(0, 1)))).toEqual([3])
    expect(returningWith(state, by(1, 1))).toEqual([])
    expect(returningWith(state, by(0, 5))).toEqual([])
  })

  test('are the same in any order and with any repeated', () => {
    fc.assert(
      fc.property(
        someRemovals.chain(removals =>
          fc.tuple(
            fc.constant(removals),
            fc.shuffledSubarray([...removals, ...removals], {
              minLength: 2 * removals.length,
              maxLength: 2 * removals.length,
            }),
          ),
        ),
        ([removals, shuffled]) => expect(inUse(shuffled)).toEqual(inUse(removals)),
      ),
    )
  })

  test('a thief of the devices behind evicts none ahead, whatever is signed by them', () => {
    fc.assert(
      fc.property(someRemovals, place, (removals, first) => {
        const honest = removals.filter(({ signerKey }) => namesOf([{ deviceKey: signerKey }])[0]! < first)
        const ahead = (found: readonly number[]) => found.filter(each => each < first)
        expect(ahead(inUse(removals))).toEqual(ahead(inUse(honest)))
      }),
    )
  })

  test('the first device ends all the others, whatever they sign', () => {
    const own = Array.from({ length: PLACES - 1 }, (_, at) => by(0, at + 1))
    fc.assert(
      fc.property(someRemovals, removals => {
        const others = removals.filter(({ signerKey }) => namesOf([{ deviceKey: signerKey }])[0] !== 0)
        expect(inUse([...others, ...own])).toEqual([0])
      }),
    )
  })

  test('what those signed whom one before them has ended could as well be missing', () => {
    fc.assert(
      fc.property(someRemovals, removals => {
        const found = inUse(removals)
        const signerOf = ({ signerKey }: DeviceRemoval) => namesOf([{ deviceKey: signerKey }])[0]!
        const isOwn = ({ signerKey, deviceKey }: DeviceRemoval) => compareBytes(signerKey, deviceKey) === 0
        const isEndedByOther = (device: number) =>
          !inUse(removals.filter(each => !(isOwn(each) && signerOf(each) === device))).includes(device)
        const counting = removals.filter(each => !isEndedByOther(signerOf(each)))
        const left = inUse([...counting, ...removals.filter(isOwn)])
        // Those who were ended by what counts, and by nothing that does not.
        expect(left).toEqual(found)
      }),
    )
  })

  test('a device that ends itself brings nobody back, whatever was signed', () => {
    fc.assert(
      fc.property(someRemovals, place, (removals, one) => {
        expect(inUse([...removals, by(one, one)])).toEqual(inUse(removals).filter(each => each !== one))
      }),
    )
  })

  test('a device that ends another, and all who would come back by it, brings nobody back', () => {
    fc.assert(
      fc.property(someRemovals, place, place, (removals, one, other) => {
        const [signer, ended] = one < other ? [one, other] : [other, one]
        const before = inUse(removals)
        if (signer === ended || !before.includes(signer)) return
        const signed = [...removals]
        const due = [ended]
        for (let next = due.pop(); next !== undefined; next = due.pop()) {
          due.push(...namesOf(returningWith({ list, removals: signed }, by(signer, next))))
          signed.push(by(signer, next))
        }
        expect(inUse(signed).filter(each => !before.includes(each))).toEqual([])
        expect(inUse(signed)).not.toContain(ended)
      }),
    )
  })
})

describe('lists of one account', () => {
  const state = (of: DeviceList, ...removals: DeviceRemoval[]): ListState => ({ list: of, removals })
  const usedBy = (known: AccountDevices) => namesOf(accountDevicesInUse(known))
  const learnAll = ([first, ...others]: readonly ListState[]) =>
    others.reduce((known, each) => learnDevices(known, each).devices, knownDevices(first!))

  test('a higher number holds alone, and drops the removals of the lower one', () => {
    const higher = listOf({ number: 11, places: [5, 3] })
    const known = knownDevices(state(list, by(0, 5), by(0, 3)))
    const { devices: after, change } = learnDevices(known, state(higher, by(0, 5)))
    expect(change).toBe('newer')
    expect(usedBy(after)).toEqual([5, 3])
    expect(after.lists[0].removals).toEqual([])
    expect(learnDevices(after, state(list, by(0, 1)))).toEqual({ devices: after, change: 'none' })
  })

  test('removals are added, once, and those that cannot count are not kept', () => {
    const known = knownDevices(state(list, by(0, 1), by(3, 2)))
    expect(known.lists[0].removals).toEqual([by(0, 1)])
    const { devices: after, change } = learnDevices(known, state(list, by(0, 2), by(0, 1)))
    expect([change, usedBy(after)]).toEqual(['removals', [0, 3, 4, 5]])
    expect(learnDevices(after, state(list, by(0, 2), by(4, 3)))).toEqual({ devices: after, change: 'none' })
  })

  test('a device that signs the same again and again fills nothing', () => {
    const again = Array.from({ length: 40 }, (_, removedAt) =>
      removalOf({ signer: devices[1]!, removed: devices[2]!, removedAt }),
    )
    expect(knownDevices(state(list, ...again)).lists[0].removals).toHaveLength(1)
  })

  test('of two removals of one pair the same stays, and all stand in one order, whichever came first', () => {
    const pair = { signer: devices[1]!, removed: devices[2]! }
    const [one, other] = [removalOf({ ...pair, removedAt: 1 }), removalOf({ ...pair, removedAt: 2 })]
    const kept = (...removals: DeviceRemoval[]) => knownDevices(state(list, ...removals)).lists[0].removals
    expect(kept(one, by(0, 3), other)).toEqual(kept(other, one, by(0, 3)))
    expect(kept(one, by(0, 3))).toEqual(kept(by(0, 3), one))
    expect(kept(one, other)).toHaveLength(1)
  })

  test('of two with one number the devices of both are in use, and it is told', () => {
    const other = listOf({ places: [5, 3, 1] })
    const { devices: after, change } = learnDevices(knownDevices(state(list, by(0, 3))), state(other))
    expect([change, usedBy(after).sort()]).toEqual(['forked', [1, 5]])
    expect(learnDevices(after, state(other)).change).toBe('none')
    const removal = removalOf({ of: other, signer: devices[5]!, removed: devices[1]! })
    const more = learnDevices(after, state(other, removal))
    expect([more.change, usedBy(more.devices)]).toEqual(['removals', [5]])
    expect(usedBy(learnDevices(more.devices, state(listOf({ number: 11, places: [2] }))).devices)).toEqual([
      2,
    ])
  })

  test('of two with one number and no device in common none is in use', () => {
    const one = knownDevices(state(listOf({ places: [0] })))
    expect(usedBy(learnDevices(one, state(listOf({ places: [1] }))).devices)).toEqual([])
  })

  test('of five with one number none is in use, and no more are kept', () => {
    const lists = Array.from({ length: 9 }, (_, issuedAt) => state(listOf({ issuedAt })))
    expect(usedBy(learnAll(lists.slice(0, 4)))).toEqual([0, 1, 2, 3, 4, 5])
    const known = learnAll(lists)
    expect([usedBy(known), known.lists.length]).toEqual([[], 5])
    const kept = new Set(known.lists.map(each => toHex(each.list.hash)))
    for (const each of lists)
      if (!kept.has(toHex(each.list.hash)))
        expect(learnDevices(known, each)).toEqual({ devices: known, change: 'none' })
  })

  test('beside five lists with one number no removals are kept, and none is taken in', () => {
    const five = Array.from({ length: 5 }, (_, issuedAt) => listOf({ issuedAt }))
    const removalsOf = five.map(of => removalOf({ of, signer: devices[0]!, removed: devices[1]! }))
    const known = learnAll(five.map((of, at) => state(of, removalsOf[at]!)))
    expect(known.lists.map(({ removals }) => removals)).toEqual([[], [], [], [], []])
    for (const [at, of] of five.entries()) {
      expect(learnDevices(known, state(of, removalsOf[at]!))).toEqual({ devices: known, change: 'none' })
      expect(withFirstOfPair(known, removalsOf[at]!)).toBe(undefined)
    }
  })

  test('one removal after the other comes to the same as all at once, but the first one of a pair stays', () => {
    const place = fc.nat({ max: 5 })
    const removing = fc.record({
      signer: place,
      removed: place,
      removedAt: fc.nat({ max: 2 }),
      ofOther: fc.boolean(),
    })
    const other = listOf({ places: [5, 3, 1, 0] })
    const begun = learnAll([state(list), state(other)])
    fc.assert(
      fc.property(fc.array(removing, { maxLength: 30 }), wanted => {
        const firsts = new Map<string, DeviceRemoval>()
        let known = begun
        for (const { signer, removed, removedAt, ofOther } of wanted) {
          const of = ofOther ? other : list
          const removal = removalOf({ of, signer: devices[signer]!, removed: devices[removed]!, removedAt })
          const pair = `${ofOther} ${signer} ${removed}`
          const next = withFirstOfPair(known, removal)
          if (firsts.has(pair)) expect(next).toBe(undefined)
          else firsts.set(pair, removal)
          known = next ?? known
        }
        const kept = [...firsts.values()]
        const all = [list, other].map(of => state(of, ...kept.filter(each => equalBytes(each.list, of.hash))))
        expect(known).toEqual(learnAll(all))
      }),
    )
  })

  test('a list of another account is refused', () => {
    const known = knownDevices(state(list))
    expect(reasonOf(() => learnDevices(known, state(listOf({ by: accountKeys(pair(99)) }))))).toBe(
      'other-account',
    )
  })

  test('lists and removals give the same in whatever order they come, and however often', () => {
    const lists = [
      listOf({ number: 9 }),
      list,
      listOf({ issuedAt: 1, places: [5, 4, 3, 2, 1] }),
      listOf({ issuedAt: 2, places: [1, 3, 5] }),
      ...[3, 4, 5, 6].map(issuedAt => listOf({ issuedAt })),
    ]
    const come = fc
      .tuple(fc.integer({ min: 0, max: lists.length - 1 }), fc.array(fc.tuple(place, place, fc.nat(2))))
      .map(([at, pairs]) => {
        const of = lists[at]!
        const removals = pairs.map(([signer, removed, removedAt]) =>
          removalOf({ of, signer: devices[signer]!, removed: devices[removed]!, removedAt }),
        )
        return state(of, ...removals)
      })
    const comings = fc.array(come, { minLength: 1, maxLength: 6 }).chain(states => {
      const length = 2 * states.length
      const shuffled = fc.shuffledSubarray([...states, ...states], { minLength: length, maxLength: length })
      return fc.tuple(fc.constant(states), shuffled)
    })
    fc.assert(
      fc.property(comings, ([states, shuffled]) => expect(learnAll(shuffled)).toEqual(learnAll(states))),
      { numRuns: 60 },
    )
  })
})
