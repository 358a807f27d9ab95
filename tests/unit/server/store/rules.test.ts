import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  ApplicationEnvelopeSchema,
  type CommitBundle,
  CommitBundleSchema,
  EphemeralEnvelopeSchema,
  RosterLeaveSchema,
} from '../../../../gen/parley/v1/chat_pb.js'
import { SignedRejoinStatementSchema } from '../../../../gen/parley/v1/rejoin_pb.js'
import type { DeviceFacts } from '../../../../services/server/store/facts.js'
import { type Decision, decide, type SendFacts } from '../../../../services/server/store/rules.js'
import { type StatementFields, statementInit } from '../../../support/rejoin-statements.js'
import { bytesOf } from '../../../support/store-world.js'
import { bundle, CONVERSATION_ID, conversation, device, facts, idOf, send } from './people.js'

const alice = device(0)
const bob = device(1)
const limits = {
  applicationBytes: 100,
  commitBundleBytes: 4_000,
  devicesPerConversation: 4,
  conversationsPerDevice: 3,
  pastEpochs: 2,
  commitsPerMinute: 60,
  commitsPerMinuteAndConversation: 60,
  keyPackagesPerDevice: 0,
  devicesPerAccount: 0,
  accountBytes: 0,
}

function text(of: { epoch?: bigint; bytes?: number; clientSequence?: bigint } = {}) {
  const { epoch = 1n, bytes = 10, ...rest } = of
  const value = create(ApplicationEnvelopeSchema, { epoch, ciphertext: new Uint8Array(bytes) })
  return send({ case: 'application', value }, rest)
}

function rejoin(of: StatementFields = {}) {
  const init = statementInit({ groupId: CONVERSATION_ID, deviceKey: alice.id, ...of })
  return send({ case: 'rejoin', value: create(SignedRejoinStatementSchema, init) })
}

/** By alice, in a conversation with bob, unless the facts are others. */
const decided = (outgoing: ReturnType<typeof send>, of: Partial<SendFacts> = {}): Decision =>
  decide(outgoing, facts([alice, bob], { conversation: conversation([0, 1]), limits, ...of }))

const inAWord = (decision: Decision): string =>
  decision.case === 'rejected' ? `${decision.reason.case}` : decision.case

describe('a sender', () => {
  test.each([
    ['not registered', undefined],
    ['revoked', device(0, { blocked: 'revoked' })],
    ['banned', device(0, { blocked: 'banned' })],
  ])('that is %s is a member nowhere, whatever it sends', (_, sender) => {
    for (const outgoing of [text(), text({ clientSequence: 0n }), text({ clientSequence: 9n }), rejoin()])
      expect(inAWord(decided(outgoing, { sender }))).toBe('notAMember')
  })

  test('that is not on the roster sends nothing, and is told so before it is told of epochs', () => {
    const without = { conversation: conversation([1], { epoch: 7 }) }
    for (const outgoing of [text(), rejoin(), send({ case: 'commit', value: bundle() })])
      expect(inAWord(decided(outgoing, without))).toBe('notAMember')
  })
})

describe('client sequences', () => {
  test('are taken one after the other; what was accepted is accepted again, whatever it holds now', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.integer({ min: 1, max: 1_010 }), (accepted, asked) => {
        const sender = device(0, { clientSequence: accepted })
        const decision = decided(
          text({ clientSequence: BigInt(asked), epoch: asked <= accepted ? 99n : 1n }),
          {
            sender,
          },
        )
        if (asked <= accepted) expect(decision.case).toBe('repeated')
        else if (asked === accepted + 1) expect(decision.case).toBe('accepted')
        else
          expect(decision).toMatchObject({
            reason: { case: 'outOfOrder', value: { expected: BigInt(accepted + 1) } },
          })
      }),
    )
  })

  test('begin with 1, and a conversation id has 16 bytes', () => {
    expect(inAWord(decided(text({ clientSequence: 0n })))).toBe('malformed')
    for (const length of [0, 15, 17]) {
      const outgoing = send(text().envelope, { conversationId: new Uint8Array(length) })
      expect(inAWord(decided(outgoing))).toBe('malformed')
    }
  })
})

describe('an application envelope', () => {
  test('is of an epoch that all members have the keys of, and at most so many behind', () => {
    const epochs = fc.record({
      epoch: fc.integer({ min: 1, max: 9 }),
      sharedEpoch: fc.integer({ min: 1, max: 9 }),
      asked: fc.nat(11),
    })
    fc.assert(
      fc.property(epochs, ({ epoch, sharedEpoch, asked }) => {
        fc.pre(sharedEpoch <= epoch)
        const found = conversation([0, 1], { epoch, sharedEpoch, lastCommit: 77 })
        const decision = decided(text({ epoch: BigInt(asked) }), { conversation: found })
        const isReadable = asked >= sharedEpoch && asked >= epoch - limits.pastEpochs && asked <= epoch
        if (isReadable) expect(decision.case).toBe('accepted')
        else
          expect(decision).toMatchObject({
            case: 'rejected',
            after: 77,
            reason: { case: 'staleEpoch', value: { currentEpoch: BigInt(epoch) } },
          })
      }),
    )
  })

  test('of an epoch beyond all numbers is rejected', () => {
    expect(inAWord(decided(text({ epoch: 2n ** 64n - 1n })))).toBe('staleEpoch')
  })

  test('has a ciphertext, up to the limit, and a conversation', () => {
    expect(inAWord(decided(text({ bytes: 100 })))).toBe('accepted')
    expect(decided(text({ bytes: 101 }))).toMatchObject({ reason: { value: { limitBytes: 100 } } })
    expect(inAWord(decided(text({ bytes: 0 })))).toBe('malformed')
    expect(inAWord(decided(text(), { conversation: undefined }))).toBe('unknownConversation')
  })

  test('is kept apart from the buffer that it came in', () => {
    const outgoing = text()
    const decision = decided(outgoing)
    if (decision.case !== 'accepted') throw new Error(decision.case)
    if (outgoing.envelope.case === 'application') outgoing.envelope.value.ciphertext.fill(1)
    expect(decision.content.payload).toEqual(new Uint8Array(10))
    expect(decision.content.body.value).toMatchObject({ ciphertext: new Uint8Array(10) })
    expect(decision.change).toBeUndefined()
  })
})

function leave(of: { nonce?: number; signature?: number; deviceId?: Uint8Array; epoch?: bigint } = {}) {
  const { nonce = 16, signature = 64, deviceId = idOf(0), epoch = 1n } = of
  const value = create(RosterLeaveSchema, {
    ...{ nonce: new Uint8Array(nonce), signature: new Uint8Array(signature), deviceId, epoch },
  })
  return send({ case: 'leave', value })
}

describe('a leave', () => {
  test('takes its sender off the roster and changes nothing else', () => {
    const found = conversation([0, 1], { epoch: 9, sharedEpoch: 4, lastCommit: 50 })
    const decision = decided(leave(), { conversation: found })
    expect(decision).toMatchObject({
      case: 'accepted',
      content: { epoch: 9, body: { case: 'leave' } },
      change: { by: 'leave', creates: false, epoch: 9, sharedEpoch: 4, joined: [], cleared: [] },
    })
    if (decision.case === 'accepted') expect(decision.change?.left.map(({ key }) => key)).toEqual([0])
  })

  test('is of a member, for the time that it came in for, and in its own name', () => {
    expect(inAWord(decided(leave(), { conversation: undefined }))).toBe('unknownConversation')
    expect(inAWord(decided(leave(), { conversation: conversation([1, 2]) }))).toBe('notAMember')
    const cases = [{ deviceId: bob.id }, { nonce: 15 }, { signature: 65 }]
    for (const of of cases) expect(inAWord(decided(leave(of)))).toBe('malformed')
    const later = conversation([0, 1], { epoch: 9, lastCommit: 50 })
    for (const epoch of [0n, 2n, 9n, 2n ** 64n - 1n])
      expect(decided(leave({ epoch }), { conversation: later })).toMatchObject({
        reason: { case: 'staleEpoch', value: { currentEpoch: 9n } },
        after: 50,
      })
  })

  test('leaves a leaf, which takes a place until a commit removes it, and only then may come again', () => {
    const world = (of: Partial<SendFacts['limits']> = {}) =>
      facts([alice, bob, device(2), device(3)], {
        conversation: conversation([0, 1], { gone: new Map([[2, idOf(2)]]) }),
        limits: { ...limits, ...of },
      })
    const commit = (init: Parameters<typeof bundle>[0], of = world()) =>
      decide(send({ case: 'commit', value: bundle(init) }), of)
    const removal = commit({ removed: [1, 2] })
    if (removal.case !== 'accepted') throw new Error('it was not accepted')
    expect(removal.change?.left.map(({ key }) => key)).toEqual([1])
    expect(removal.change?.cleared.map(({ key }) => key)).toEqual([2])
    expect(inAWord(commit({ added: [2] }))).toBe('malformed')
    const tight = world({ devicesPerConversation: 3 })
    expect(inAWord(commit({ added: [3] }, tight))).toBe('tooManyMembers')
    expect(inAWord(commit({ added: [3], removed: [2] }, tight))).toBe('accepted')
  })
})

describe('a rejoin request', () => {
  test('needs no epoch, and is of its sender', () => {
    const decision = decided(rejoin(), { conversation: conversation([0, 1], { epoch: 9, sharedEpoch: 9 }) })
    expect(decision).toMatchObject({ case: 'accepted', content: { epoch: 9 } })
    expect(inAWord(decided(rejoin({ deviceKey: bob.id })))).toBe('malformed')
    expect(inAWord(decided(rejoin({ groupId: new Uint8Array(16) })))).toBe('malformed')
    expect(inAWord(decided(rejoin({ nonce: new Uint8Array(15) })))).toBe('malformed')
    expect(inAWord(decided(rejoin({ signature: new Uint8Array(65) })))).toBe('malformed')
    expect(inAWord(decided(rejoin(), { conversation: undefined }))).toBe('unknownConversation')
  })
})

describe('what is not for the log', () => {
  test('is malformed: an ephemeral envelope, and none at all', () => {
    const value = create(EphemeralEnvelopeSchema, { epoch: 1n, ciphertext: bytesOf('x') })
    expect(inAWord(decided(send({ case: 'ephemeral', value })))).toBe('malformed')
    expect(inAWord(decided(send({ case: undefined })))).toBe('malformed')
  })
})

/** Devices 0 to 4 are registered, 5 is not; 4 is revoked. */
const DEVICES = 6

interface Scene {
  members: number[]
  conversations: number[]
  creates: boolean
  epoch: number
  added: number[]
  removed: number[]
  welcomed: number[]
}

/** Some devices, mostly of these. */
const some = (likely: readonly number[], maxLength: number) => {
  const one =
    likely.length > 0
      ? fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...likely) }, fc.nat(DEVICES - 1))
      : fc.nat(DEVICES - 1)
  return fc.oneof({ weight: 4, arbitrary: fc.uniqueArray(one, { maxLength }) }, fc.array(one, { maxLength }))
}

const shapes = fc.record({
  others: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
  isMember: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
  creates: fc.boolean(),
  conversations: fc.array(fc.constantFrom(0, 1, 2, 2, 3), { minLength: DEVICES, maxLength: DEVICES }),
})

const scenes: fc.Arbitrary<Scene> = shapes.chain(({ others, isMember, creates, conversations }) => {
  const members = creates && isMember ? [] : [...(isMember ? [0] : []), ...others]
  const outside = [1, 2, 3, 4].filter(key => !members.includes(key))
  const epoch = fc.constantFrom(creates ? 0 : 1, creates ? 0 : 1, 0, 1, 2)
  const given = { members, creates, conversations }
  return fc
    .record({
      epoch,
      added: some(outside, 3),
      removed: some(creates ? [] : others, 1),
      wrong: some(outside, 2),
    })
    .chain(({ wrong, ...rest }) =>
      fc
        .oneof({ weight: 4, arbitrary: fc.constant(rest.added) }, fc.constant(wrong))
        .map(welcomed => ({ ...given, ...rest, welcomed })),
    )
})

function worldOf({ conversations }: Scene): DeviceFacts[] {
  return Array.from({ length: DEVICES - 1 }, (_, key) =>
    device(key, { conversations: conversations[key]!, blocked: key === 4 ? 'revoked' : undefined }),
  )
}

/** The rules of CommitBundle once more, as the contract says them. */
function isRight({ members, conversations, creates, epoch, added, removed, welcomed }: Scene): boolean {
  const isMember = (key: number) => (creates ? key === 0 : members.includes(key))
  const hasRoom = (key: number) => conversations[key]! < limits.conversationsPerDevice
  const after = (creates ? 1 : members.length) + added.length - removed.length
  return (
    (creates ? members.length === 0 && epoch === 0 && hasRoom(0) : isMember(0) && epoch === 1) &&
    [added, removed].every(named => new Set(named).size === named.length) &&
    [...welcomed].sort().join() === [...added].sort().join() &&
    removed.every(key => key !== 0 && isMember(key)) &&
    added.every(key => key < 4 && (!isMember(key) || removed.includes(key))) &&
    after <= limits.devicesPerConversation
  )
}

describe('a commit', () => {
  test('is accepted when the contract says so, and then changes the conversation as it says', () => {
    let tried = 0
    let accepted = 0
    fc.assert(
      fc.property(scenes, scene => {
        tried += 1
        const { members, creates, epoch, added, removed, welcomed } = scene
        const found = members.length > 0 ? conversation(members) : undefined
        const value = bundle({ epoch: BigInt(epoch), creates, added, removed, welcomes: [welcomed] })
        if (welcomed.length === 0) value.welcomes = []
        const world = facts(worldOf(scene), { conversation: found, limits })
        const decision = decide(send({ case: 'commit', value }), world)
        expect(decision.case).toBe(isRight(scene) ? 'accepted' : 'rejected')
        if (decision.case !== 'accepted') return
        accepted += 1
        const { change, content } = decision
        expect(content).toMatchObject({ epoch, body: { case: 'commit', value: { epoch: BigInt(epoch) } } })
        expect(change).toMatchObject({ creates, epoch: epoch + 1 })
        expect(change?.sharedEpoch).toBe(added.length > 0 ? epoch + 1 : (found?.sharedEpoch ?? 0))
        expect(change?.joined.map(({ key }) => key)).toEqual(creates ? [0, ...added] : added)
        expect(change?.left.map(({ key }) => key)).toEqual(removed)
      }),
      { numRuns: 5_000 },
    )
    // Or the property has looked at rejections only.
    expect(accepted / tried).toBeGreaterThan(0.05)
  })

  test('that is late is told with the one that won', () => {
    const found = conversation([0, 1], { epoch: 4, lastCommit: 123 })
    for (const epoch of [3n, 5n, 2n ** 64n - 1n]) {
      const decision = decided(send({ case: 'commit', value: bundle({ epoch }) }), { conversation: found })
      expect(decision).toMatchObject({
        reason: { case: 'staleEpoch', value: { currentEpoch: 4n } },
        after: 123,
      })
    }
  })

  const commitReason = (init: Parameters<typeof bundle>[0], of: Partial<SendFacts> = {}) => {
    const world = facts([alice, bob, device(2), device(3)], {
      conversation: conversation([0, 1]),
      limits,
      ...of,
    })
    return inAWord(decide(send({ case: 'commit', value: bundle(init) }), world))
  }

  test('says why it is not accepted', () => {
    expect(commitReason({ commit: new Uint8Array() })).toBe('malformed')
    expect(commitReason({ commit: new Uint8Array(5_000) })).toBe('tooLarge')
    expect(commitReason({ creates: true, epoch: 0n })).toBe('conversationExists')
    expect(commitReason({}, { conversation: undefined })).toBe('unknownConversation')
    expect(commitReason({ creates: true, epoch: 1n }, { conversation: undefined })).toBe('malformed')
    expect(commitReason({ added: [2], welcomes: [] })).toBe('malformed')
    expect(commitReason({ added: [2], welcomes: [[2], []] })).toBe('malformed')
    expect(commitReason({ removed: [0] })).toBe('malformed')
    expect(commitReason({ added: [9] })).toBe('unknownDevice')
    expect(commitReason({ added: [2, 3] }, { limits: { ...limits, devicesPerConversation: 3 } })).toBe(
      'tooManyMembers',
    )
    const isFull = { limits: { ...limits, conversationsPerDevice: 0 } }
    // Nobody pays for being added.
    expect(commitReason({ added: [2] }, isFull)).toBe('accepted')
    expect(commitReason({ creates: true, epoch: 0n }, { ...isFull, conversation: undefined })).toBe(
      'tooManyConversations',
    )
  })

  test('is as large as the limit, and no larger', () => {
    const value = bundle({ commit: new Uint8Array(1_000) })
    const size = toBinary(CommitBundleSchema, value).length
    const with1 = (commitBundleBytes: number) =>
      inAWord(decided(send({ case: 'commit', value }), { limits: { ...limits, commitBundleBytes } }))
    expect([with1(size), with1(size - 1)]).toEqual(['accepted', 'tooLarge'])
  })

  test('adds no device that is revoked, and one that is banned, which may come back', () => {
    const adding = (blocked: DeviceFacts['blocked']) =>
      inAWord(
        decide(
          send({ case: 'commit', value: bundle({ added: [2] }) }),
          facts([alice, bob, device(2, { blocked })], { conversation: conversation([0, 1]), limits }),
        ),
      )
    expect([adding('revoked'), adding('banned'), adding(undefined)]).toEqual([
      'unknownDevice',
      'accepted',
      'accepted',
    ])
  })

  test('names devices by 32 bytes, and its welcomes are not empty', () => {
    const short = bundle({ removed: [1] })
    short.rosterChange!.removedDeviceIds = [idOf(1).slice(1)]
    const empty = bundle({ added: [2] })
    empty.welcomes[0]!.welcome = new Uint8Array()
    for (const value of [short, empty])
      expect(inAWord(decided(send({ case: 'commit', value })))).toBe('malformed')
  })

  test('that takes one in and puts another out keeps within the limit', () => {
    const tight = { limits: { ...limits, devicesPerConversation: 2 } }
    expect(commitReason({ added: [2], removed: [1] }, tight)).toBe('accepted')
    expect(commitReason({ added: [2] }, tight)).toBe('tooManyMembers')
  })

  test('without a roster change changes the epoch alone', () => {
    const value = bundle()
    delete value.rosterChange
    const decision = decided(send({ case: 'commit', value }))
    expect(decision).toMatchObject({ change: { epoch: 2, sharedEpoch: 1, joined: [], left: [] } })
  })
})

describe('what is malformed', () => {
  const withIds = (
    change: (ids: { addedDeviceIds: Uint8Array[]; removedDeviceIds: Uint8Array[] }) => void,
  ) => {
    const value = bundle({ removed: [1] })
    change(value.rosterChange!)
    return value
  }
  const commitOf = (value: CommitBundle) => send({ case: 'commit', value })
  const inEpoch0 = bundle({ creates: true })
  const cases: [string, ReturnType<typeof send>, Partial<SendFacts>?][] = [
    ['a stored envelope needs a client sequence', text({ clientSequence: 0n })],
    ['a conversation id has 16 bytes', send(text().envelope, { conversationId: new Uint8Array(15) })],
    ['an application envelope needs a ciphertext', text({ bytes: 0 })],
    ['only applications, commits, rejoin requests and leaves are stored', send({ case: undefined })],
    ['a rejoin statement is none', rejoin({ nonce: new Uint8Array(17) })],
    ['a rejoin statement is none', rejoin({ blindedHead: new Uint8Array(31) })],
    ['a rejoin statement is none', rejoin({ statement: bytesOf('no statement') })],
    ['a rejoin statement is none', rejoin({ signature: new Uint8Array(63) })],
    ['a rejoin statement names another device than its sender', rejoin({ deviceKey: bob.id })],
    [
      'a rejoin statement names another conversation than it is sent in',
      rejoin({ groupId: new Uint8Array(16) }),
    ],
    ['a commit bundle needs a commit', commitOf(bundle({ commit: new Uint8Array() }))],
    ['a device id has 32 bytes', commitOf(withIds(ids => ids.removedDeviceIds.push(new Uint8Array(31))))],
    ['a device id has 32 bytes', commitOf(withIds(ids => ids.addedDeviceIds.push(new Uint8Array(33))))],
    ['the roster change names a device twice', commitOf(bundle({ removed: [1, 1] }))],
    ['the roster change names a device twice', commitOf(bundle({ added: [2, 2], welcomes: [[2], [2]] }))],
    ['the roster change names a device twice', commitOf(bundle({ added: [1], removed: [1, 1] }))],
    [
      'the welcomes have to name every added device exactly once',
      commitOf(bundle({ added: [1], removed: [1], welcomes: [] })),
    ],
    [
      'the roster change removes a device that is not a member',
      commitOf(bundle({ added: [2], removed: [2] })),
    ],
    ['a welcome is empty or for nobody', commitOf(bundle({ added: [2], welcomes: [[2], []] }))],
    [
      'the welcomes have to name every added device exactly once',
      commitOf(bundle({ added: [2], welcomes: [] })),
    ],
    [
      'the welcomes have to name every added device exactly once',
      commitOf(bundle({ added: [2], welcomes: [[2], [2]] })),
    ],
    ['the welcomes have to name every added device exactly once', commitOf(bundle({ welcomes: [[2]] }))],
    ['a conversation begins in epoch 0', commitOf(inEpoch0), { conversation: undefined }],
    ['the roster change removes a device that is not a member', commitOf(bundle({ removed: [2] }))],
    ['the roster change removes a device that is not a member', commitOf(bundle({ removed: [9] }))],
    ['a device cannot remove itself', commitOf(bundle({ removed: [0] }))],
    ['the roster change adds a member', commitOf(bundle({ added: [1] }))],
    [
      'the roster change adds a member',
      commitOf(bundle({ creates: true, epoch: 0n, added: [0] })),
      { conversation: undefined },
    ],
  ]

  test.each(cases)('is told: %s', (detail, outgoing, of = {}) => {
    const world = facts([alice, bob, device(2)], { conversation: conversation([0, 1]), limits, ...of })
    expect(decide(outgoing, world)).toMatchObject({ reason: { case: 'malformed', value: { detail } } })
  })
})
