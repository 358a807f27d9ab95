// A welcome to a group that somebody else made: opened after a note that this was tried, and read for what it says.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount, type OwnAccount } from '../../../../services/endpoint/contacts/account.js'
import { encodeSettings } from '../../../../services/endpoint/groups/policy.js'
import {
  forgetAttempts,
  type JoinRefused,
  openWelcome,
  readWelcome,
} from '../../../../services/endpoint/groups/welcome.js'
import { sequenceOf } from '../../../../services/endpoint/ids.js'
import type { Member } from '../../../../services/endpoint/mls/engine.js'
import { MlsRefused } from '../../../../services/endpoint/mls/refused.js'
import type { WelcomeRequest } from '../../../../services/endpoint/mls/welcome-opener.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { foundGroup } from '../../../support/endpoint-groups.js'
import { adminOf, secondDevice, TestGroup } from '../../../support/group.js'
import { keyIn, placed } from '../../../support/numbers.js'

const alice = makeAccount('alice')
const phone = secondDevice(alice)
const bob = makeAccount('bob')
const carol = makeAccount('carol')

let testing: TestContext
beforeEach(async () => {
  testing = await openTestContext(alice)
})

const envelopeOf = (conversationId: Uint8Array) =>
  placed(create(EnvelopeSchema, { conversationId, sequence: 5n, storedAtMs: 7n }))

const signedBy = ({ certificate, device }: OwnAccount): Member => ({
  ...{ leaf: 0, identity: certificate, signatureKey: device.publicKey },
})

/** A group of somebody's with this device in it, as an opened welcome shows it. */
async function welcomed(
  by: OwnAccount,
  others: OwnAccount[],
  settings?: MessageInitShape<typeof GroupSettingsSchema>,
) {
  const encoded = settings && encodeSettings(create(GroupSettingsSchema, settings))
  const founded = await foundGroup(testing.context.engine, by, {
    others: [alice, ...others],
    ...(encoded && { settings: encoded }),
  })
  const state = testing.context.engine.save(await founded.join(0))
  const opened = { state, signer: signedBy(by), used: undefined }
  return { envelope: envelopeOf(founded.conversationId), opened }
}

const read = (welcome: Awaited<ReturnType<typeof welcomed>>) => {
  try {
    const { settings, others } = readWelcome(testing.context, welcome.envelope, welcome.opened)
    return { kind: settings.kind, others: others.map(({ handle }) => handle) }
  } catch (error) {
    return (error as JoinRefused).why.code
  }
}

describe('a welcome', () => {
  const room = { kind: GroupKind.ROOM, name: 'tea', admins: [adminOf(bob)] }

  test('shows what the group is, and the accounts in it besides this one, each once', async () => {
    expect(read(await welcomed(bob, [carol, secondDevice(bob), phone], room))).toEqual({
      ...{ kind: GroupKind.ROOM, others: ['bob', 'carol'] },
    })
    expect(read(await welcomed(bob, [phone]))).toEqual({ kind: GroupKind.DIRECT, others: ['bob'] })
    expect(read(await welcomed(phone, [], { kind: GroupKind.OWN_DEVICES }))).toEqual({
      ...{ kind: GroupKind.OWN_DEVICES, others: [] },
    })
  })

  test('of two people has two: neither one alone nor three', async () => {
    expect(read(await welcomed(phone, []))).toBe('not-two-people')
    expect(read(await welcomed(bob, [carol]))).toBe('not-two-people')
  })

  test('is not what the server says where it is of another conversation', async () => {
    const welcome = await welcomed(bob, [])
    expect(read({ ...welcome, envelope: envelopeOf(new Uint8Array(16)) })).toBe('other-conversation')
  })

  test('of a room without a name, or into a group whose rules were broken, is refused', async () => {
    expect(read(await welcomed(bob, [], { ...room, name: '' }))).toBe('bad-settings')
    const group = await TestGroup.of(testing, { kind: GroupKind.ROOM, others: [bob], by: bob })
    const { record, state } = group.live
    const again = {
      envelope: envelopeOf(record.conversationId),
      opened: { state: testing.context.engine.save(state), signer: signedBy(bob), used: undefined },
    }
    expect(read(again)).toMatchObject({ kind: GroupKind.ROOM })
    await group.change({ brokenBy: bob.account.publicKey })
    const refused = () => readWelcome(testing.context, again.envelope, again.opened)
    expect(refused).toThrow(
      expect.objectContaining({ why: { code: 'against-rules', from: bob.account.publicKey } }),
    )
  })

  test('is refused by an error that says why', async () => {
    const welcome = await welcomed(bob, [carol])
    const refused = () => readWelcome(testing.context, welcome.envelope, welcome.opened)
    expect(refused).toThrow(expect.objectContaining({ name: 'JoinRefused', message: 'not-two-people' }))
  })

  test('has nobody in it who goes by this account’s handle with another key', async () => {
    expect(read(await welcomed(bob, [makeAccount('alice')], room))).toBe('own-handle')
    expect(read(await welcomed(bob, [phone], { kind: GroupKind.OWN_DEVICES }))).toBe('foreign-account')
  })
})

describe('opening a welcome', () => {
  const envelope = envelopeOf(new Uint8Array(16))
  const tries: number[] = []
  const requests: WelcomeRequest[] = []
  const signer = { leaf: 0, identity: bob.certificate, signatureKey: bob.device.publicKey }
  const open = (
    answer: () => Promise<{ state: Uint8Array; usedKeyPackage: number; signer: Member }>,
    of = envelope,
    welcome = Uint8Array.of(1),
  ) =>
    testing.written(async (tx, { context }) => {
      const welcomes = {
        open: async (request: WelcomeRequest) => {
          requests.push(request)
          tries.push(testing.context.records.keys('welcomes').length)
          return await answer()
        },
        close: async () => undefined,
      }
      return await openWelcome({ ...context, welcomes }, tx, of, welcome)
    })
  beforeEach(async () => {
    tries.length = 0
    requests.length = 0
    await testing.written(tx => {
      for (const id of [1n, 2n])
        tx.put('keypackages', keyIn('keypackages', { group: 0n, id }), {
          publicPackage: Uint8Array.of(Number(id)),
        })
    })
  })

  test('says which key package it was for', async () => {
    const opened = await open(async () => ({ state: Uint8Array.of(3), usedKeyPackage: 1, signer }))
    expect(opened).toMatchObject({ state: Uint8Array.of(3), used: { key: { id: 2n } } })
    const keyPackages = [{ publicPackage: Uint8Array.of(1) }, { publicPackage: Uint8Array.of(2) }]
    expect(requests).toMatchObject([{ welcome: Uint8Array.of(1), keyPackages }])
  })

  test('is done once for the same bytes', async () => {
    const welcome = Uint8Array.of(1)
    const answer = async () => ({ state: Uint8Array.of(3), usedKeyPackage: 1, signer })
    const opened = await open(answer, envelope, welcome)
    expect(await open(answer, envelope, welcome)).toBe(opened)
    expect(tries).toEqual([1])
  })

  test('is noted on the disk before each try, and given up after three', async () => {
    const slow = open(() => Promise.reject(new MlsRefused('too-costly')))
    await expect(slow).rejects.toMatchObject({ why: { code: 'too-many-attempts', attempts: 3 } })
    expect(tries).toEqual([1, 2, 3])
    const { conversationId, sequence } = envelope
    const attempt = { conversationId, sequence, attemptedAtMs: BigInt(testing.clock.now()) }
    const noted = testing.context.records.list('welcomes').map(({ record }) => record)
    expect(noted).toMatchObject([attempt, attempt, attempt])
    // Another welcome of the conversation has tries of its own.
    const later = { ...envelope, sequence: sequenceOf(6n) }
    const opened = await open(async () => ({ state: Uint8Array.of(3), usedKeyPackage: 0, signer }), later)
    expect(opened.state).toEqual(Uint8Array.of(3))
  })

  test('is counted by conversation: another one’s may have the same sequence', async () => {
    const other = envelopeOf(new Uint8Array(16).fill(1))
    expect(other.sequence).toBe(envelope.sequence)
    const slow = () => Promise.reject(new MlsRefused('too-costly'))
    for (const of of [envelope, other])
      await expect(open(slow, of)).rejects.toMatchObject({ why: { code: 'too-many-attempts' } })
    expect(tries).toEqual([1, 2, 3, 4, 5, 6])
    await testing.written(tx => forgetAttempts(tx, other))
    const left = testing.context.records.list('welcomes').map(({ record }) => record.conversationId)
    expect(left).toEqual(Array.from({ length: 3 }, () => envelope.conversationId))
  })

  test('is not tried again where it was refused', async () => {
    await expect(open(() => Promise.reject(new MlsRefused('not-authentic')))).rejects.toMatchObject({
      ...{ why: 'not-authentic' },
    })
    expect(tries).toEqual([1])
  })
})
