import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { type KeyExchanged, KeyExchangedSchema } from '../../../../gen/parley/v1/key_exchange_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import { checkAnswers } from '../../../../services/endpoint/sync/directory-check.js'
import { saveServer } from '../../../../services/endpoint/sync/server-record.js'
import { readDeviceList } from '../../../../services/protocol/identity/device-list.js'
import {
  type DirectoryStatement,
  makeDirectoryStatement,
} from '../../../../services/protocol/identity/directory-statement.js'
import { nodeCrypto } from '../../../../services/protocol/node/crypto.js'
import { keyPairOf } from '../../../../services/protocol/signature.js'
import { shownList } from '../../../support/device-lists.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'

const HOUR_MS = 3_600_000

const [alice, bob, eve] = [makeAccount('alice'), makeAccount('bob'), makeAccount('bob')]
const directory = keyPairOf(nodeCrypto, new Uint8Array(32).fill(1))
const otherDirectory = keyPairOf(nodeCrypto, new Uint8Array(32).fill(2))
const serverId = new Uint8Array(16).fill(9)

let endpoint: TestContext
beforeEach(async () => {
  endpoint = await openTestContext(alice)
  const { publicKey: directoryKey } = directory
  await endpoint.written(tx => saveServer(tx, { serverId, directoryKey }))
})

const shown = (of = bob, number = 5) => {
  const { deviceList, removals } = shownList([of], { number, serverId })
  return { deviceList, removals: [...removals] }
}
const listOf = (of = bob, number = 5) => readDeviceList(nodeCrypto, shown(of, number).deviceList)

/** Signed now, of the list of bob that is shown, but for what is said. */
function signed(said: Partial<DirectoryStatement> = {}, by = directory) {
  const time = endpoint.clock.now()
  const whole = { serverId, handle: 'bob', time, listed: listOf(), ...said }
  return makeDirectoryStatement(nodeCrypto, by, whole)
}

/** An answer about bob, as a look-up and as a claim; a claim without anybody where nothing is shown. */
function answerOf(account: ReturnType<typeof shown> | undefined, statement?: ReturnType<typeof signed>) {
  const unknown = { case: 'unknown', value: {} } as const
  const stated = statement ? { statement } : {}
  return create(KeyExchangedSchema, {
    keyPackagesLeft: 3,
    lookups: [{ handle: 'bob', outcome: account ? { case: 'devices', value: account } : unknown, ...stated }],
    claims: [
      { handle: 'bob', outcome: account ? { case: 'devices', value: { account } } : unknown, ...stated },
    ],
  })
}
const ASKED = { lookupHandles: ['bob'], claimHandles: ['bob'] }

const check = (answer: KeyExchanged, asked = ASKED) => checkAnswers(endpoint.context, answer, asked)
const casesOf = ({ lookups, claims }: KeyExchanged) =>
  [...lookups, ...claims].map(({ outcome }) => outcome.case)
const dropped = (why: string) => [{ why, handle: 'bob', count: 2 }]

describe('an answer about a handle is taken', () => {
  test('with a statement of the list that is shown', () => {
    const answer = answerOf(shown(), signed())
    expect(check(answer)).toEqual({ answer, dropped: [] })
  })

  test('with one that nobody goes by it', () => {
    const answer = answerOf(undefined, signed({ listed: undefined }))
    expect(check(answer)).toEqual({ answer, dropped: [] })
  })

  test('up to an hour before and after it was signed', () => {
    const ages = [-HOUR_MS, HOUR_MS]
    const statements = ages.map(age => signed({ time: endpoint.clock.now() + age }))
    for (const statement of statements) expect(check(answerOf(shown(), statement)).dropped).toEqual([])
  })

  test('without one where it says to ask again', () => {
    const later = { handle: 'bob', outcome: { case: 'later', value: {} } } as const
    const answer = create(KeyExchangedSchema, { lookups: [later], claims: [later] })
    expect(check(answer)).toEqual({ answer, dropped: [] })
  })

  test('without one about what is no handle', () => {
    const unknown = { handle: 'No', outcome: { case: 'unknown', value: {} } } as const
    const answer = create(KeyExchangedSchema, { lookups: [unknown], claims: [unknown] })
    expect(check(answer, { lookupHandles: ['No'], claimHandles: ['No'] })).toEqual({ answer, dropped: [] })
  })
})

describe('an answer about a handle is dropped', () => {
  const expectDropped = (answer: KeyExchanged, why: string) => {
    const checked = check(answer)
    expect(checked.dropped).toEqual(dropped(why))
    expect(casesOf(checked.answer)).toEqual([undefined, undefined])
    expect(checked.answer.keyPackagesLeft).toBe(3)
  }

  test('without a statement', () => {
    expectDropped(answerOf(shown()), 'not-signed')
    expectDropped(answerOf(undefined), 'not-signed')
  })

  test('with one by another key than that of the directory that is known', () => {
    expectDropped(answerOf(shown(), signed({}, otherDirectory)), 'not-signed')
  })

  test('with one of another server', () => {
    expectDropped(answerOf(shown(), signed({ serverId: new Uint8Array(16) })), 'not-signed')
  })

  test('with one that is no statement', () => {
    const statement = { statement: new Uint8Array(9), signature: new Uint8Array(64) }
    expectDropped(answerOf(shown(), statement), 'not-signed')
  })

  test('with one of another handle', () => {
    expectDropped(answerOf(shown(), signed({ handle: 'eve' })), 'other-answer')
  })

  test.each([
    ['account', eve, 5],
    ['number', bob, 4],
  ] as const)('with one of another %s than is shown', (_, of, number) => {
    expectDropped(answerOf(shown(), signed({ listed: listOf(of, number) })), 'other-answer')
  })

  test('with one that nobody goes by it beside a list, and the other way round', () => {
    expectDropped(answerOf(shown(), signed({ listed: undefined })), 'other-answer')
    expectDropped(answerOf(undefined, signed()), 'other-answer')
  })

  test('with a list that is none', () => {
    expectDropped(answerOf({ deviceList: new Uint8Array(5), removals: [] }, signed()), 'other-answer')
  })

  test('with one that is older or newer than an hour', () => {
    for (const age of [-HOUR_MS - 1, HOUR_MS + 1])
      expectDropped(answerOf(shown(), signed({ time: endpoint.clock.now() + age })), 'other-time')
  })

  test('where another one was asked for', () => {
    const { dropped } = check(answerOf(undefined, signed({ listed: undefined })), {
      lookupHandles: ['carol'],
      claimHandles: ['bob'],
    })
    expect(dropped).toEqual([{ why: 'other-answer', handle: 'carol', count: 1 }])
  })

  test('that nobody asked for', () => {
    const { answer, dropped } = check(answerOf(shown(), signed()), { lookupHandles: [], claimHandles: [] })
    expect([answer.lookups, answer.claims, dropped]).toEqual([[], [], []])
  })

  test('and those beside it are taken', () => {
    const carol = { handle: 'carol', outcome: { case: 'unknown', value: {} } } as const
    const statement = signed({ handle: 'carol', listed: undefined })
    const { lookups } = answerOf(shown())
    const answer = create(KeyExchangedSchema, { lookups: [...lookups, { ...carol, statement }] })
    const checked = check(answer, { lookupHandles: ['bob', 'carol'], claimHandles: [] })
    expect(casesOf(checked.answer)).toEqual([undefined, 'unknown'])
    expect(checked.dropped).toEqual([{ why: 'not-signed', handle: 'bob', count: 1 }])
  })
})
