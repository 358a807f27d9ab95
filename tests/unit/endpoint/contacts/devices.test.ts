// Others speak of devices and of the past, where it is not theirs to say: with the real engine and a real vault.

import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { HistoryPartSchema } from '../../../../gen/parley/content/v1/content_pb.js'
import { GroupKind, GroupSettingsSchema } from '../../../../gen/parley/content/v1/room_pb.js'
import { EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import {
  makeAccount,
  type NewAccount,
  type OwnAccount,
  restoreAccount,
} from '../../../../services/endpoint/contacts/account.js'
import type { Unit } from '../../../../services/endpoint/context.js'
import { encodeSettings } from '../../../../services/endpoint/groups/policy.js'
import { joined } from '../../../../services/endpoint/groups/state/group.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import type { ConversationNumber } from '../../../../services/endpoint/ids.js'
import { historyPart } from '../../../../services/endpoint/messages/content/history-part.js'
import { counted } from '../../../../services/endpoint/messages/sealing/format.js'
import { groupIn, openTestContext, pinned, type TestContext } from '../../../support/endpoint-context.js'
import { placed } from '../../../support/numbers.js'
import { saidIn } from '../../../support/said.js'

const alice = makeAccount('alice')
const bob = makeAccount('bob')
const mallory = makeAccount('mallory')
const carol = makeAccount('carol')
const secondOf = ({ handle, account }: NewAccount) => restoreAccount({ handle, seed: account.privateKey })
const idOf = ({ device }: OwnAccount) => device.publicKey

let context: TestContext['context']
let written: TestContext['written']
let groups = 0

beforeEach(async () => {
  ;({ context, written } = await openTestContext(alice))
  await pinned({ written }, bob, carol, mallory)
})

const keyPackageOf = ({ certificate, device }: OwnAccount) =>
  context.engine.newKeyPackage({
    identity: certificate,
    signatureKey: device.privateKey,
    publicKey: device.publicKey,
  })

/** An active group of alice's device and these. */
async function groupWith(
  others: readonly OwnAccount[],
  { open, settings }: { open(unit: Unit): ConversationNumber; settings?: Uint8Array },
): Promise<LiveGroup> {
  const { engine } = context
  const conversationId = new Uint8Array(16).fill(++groups)
  const alone = await engine.create({
    groupId: conversationId,
    keyPackage: await keyPackageOf(alice),
    ...(settings ? { settings } : {}),
  })
  const add = (await Promise.all(others.map(keyPackageOf))).map(({ publicPackage }) => publicPackage)
  const state = engine.adopt(alone, (await engine.commit(alone, { add })).pending).state
  const { number } = await written((tx, unit) =>
    unit.context.groups.add(tx, { conversationId, conversation: open(unit), phase: joined() }, state),
  )
  return context.groups.get(number)!
}
const openBob = ({ context, tx }: Unit) => context.conversations.open(tx, bob.account.publicKey)
const withBob = () => groupWith([bob], { open: openBob })
const roomOf = (others: readonly OwnAccount[], days: number) =>
  groupWith(others, {
    open: ({ context, tx }) => context.conversations.openRoom(tx, 'all'),
    settings: encodeSettings(
      create(GroupSettingsSchema, {
        kind: GroupKind.ROOM,
        name: 'all',
        admins: [{ handle: 'alice', accountKey: alice.account.publicKey }],
        history: { days },
      }),
    ),
  })
const ownGroup = (others: readonly OwnAccount[]) =>
  groupWith(others, {
    open: ({ context, tx }) => context.conversations.openOwnDevices(tx),
    settings: encodeSettings(create(GroupSettingsSchema, { kind: GroupKind.OWN_DEVICES })),
  })

const SENT_AT_MS = BigInt(Date.now())
const asPeer = ({ handle, account }: OwnAccount) => ({ peerHandle: handle, peerAccount: account.publicKey })
const message = (sequence: bigint, more: object = {}) => ({
  fromAccount: alice.account.publicKey,
  fromHandle: 'alice',
  fromDevice: new Uint8Array(32),
  body: { case: 'text' as const, value: `line ${sequence}` },
  sentAtMs: SENT_AT_MS,
  sequence,
  ...more,
})
const hand = (
  group: LiveGroup,
  from: OwnAccount,
  part: Parameters<typeof create<typeof HistoryPartSchema>>[1] & object,
) => written((_, unit) => takePart(unit, group, from, { last: true, ...part }))
const takePart = (
  unit: Unit,
  group: LiveGroup,
  from: OwnAccount,
  part: Parameters<typeof create<typeof HistoryPartSchema>>[1] & object,
) =>
  historyPart.take(
    unit.context,
    unit.tx,
    {
      group: groupIn(unit, group),
      envelope: placed(create(EnvelopeSchema, { sequence: 99n, storedAtMs: 1n })),
      content: counted(new Uint8Array()),
      device: idOf(from),
      handle: from.handle,
      accountKey: from.account.publicKey,
      isOurs: Buffer.compare(from.account.publicKey, alice.account.publicKey) === 0,
    },
    create(HistoryPartSchema, part),
  )
const told = () =>
  context.conversations
    .all()
    .flatMap(({ number, peer }) =>
      context.conversations
        .history(number)
        .map(entry => `${peer} ${entry.own ? 'I' : 'they'}: ${saidIn(entry)}`),
    )

describe('history', () => {
  test('of a direct conversation is nothing for another account to hand over', async () => {
    const direct = await withBob()
    await hand(direct, bob, { ...asPeer(carol), messages: [message(1n)] })
    await hand(direct, bob, { ...asPeer(bob), messages: [message(1n)] })
    expect(told()).toEqual([])
    expect(context.conversations.withPerson(carol.account.publicKey)).toBeUndefined()
  })

  test('of a room is for its members to hand over, as far back as it says', async () => {
    const direct = await withBob()
    const closed = await roomOf([bob], 0)
    const open = await roomOf([bob], 1)
    const others = await roomOf([mallory], 1)
    for (const { record } of [closed, open, others])
      await hand(direct, bob, {
        conversationId: record.conversationId,
        messages: [
          message(1n),
          message(2n, { sentAtMs: 1n }),
          message(0n),
          message(3n, { fromHandle: 'No One' }),
        ],
      })
    expect(told()).toEqual(['#all~3 they: line 1', '#all~3 they: 1 line of history handed over by bob'])
  })

  test('in a room, or by an account that only calls itself so, is nobody’s', async () => {
    const room = await roomOf([bob], 1)
    const { conversationId } = room.record
    await hand(room, bob, { conversationId, messages: [message(1n)] })
    const impostor = { ...bob, handle: 'alice' }
    await hand(await withBob(), impostor, { ...asPeer(carol), messages: [message(1n)] })
    expect(told()).toEqual([])
  })

  test('from an own device is filed once, also by parts that share a write', async () => {
    const phone = secondOf(alice)
    const own = await ownGroup([phone])
    await written(async (_, unit) => {
      for (let times = 0; times < 2; times++)
        await takePart(unit, own, phone, {
          ...asPeer(carol),
          messages: [message(1n), message(2n)],
          last: true,
        })
    })
    await hand(own, phone, { ...asPeer(carol), messages: [message(2n)] })
    expect(told().slice(0, 2)).toEqual(['carol I: line 1', 'carol I: line 2'])
    expect(told()).toHaveLength(3)
  })
})
