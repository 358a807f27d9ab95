import { create } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { EphemeralEnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { makeAccount } from '../../../../services/endpoint/contacts/account.js'
import type { EndpointEvent } from '../../../../services/endpoint/events.js'
import { joined } from '../../../../services/endpoint/groups/state/group.js'
import type { LiveGroup } from '../../../../services/endpoint/groups/state/groups.js'
import type { Outgoing } from '../../../../services/endpoint/sync/frames.js'
import { Presence } from '../../../../services/endpoint/sync/presence.js'
import { accountKey } from '../../../../services/protocol/keys.js'
import { openTestContext, type TestContext } from '../../../support/endpoint-context.js'
import { groupWith, meet, putInPhase } from '../../../support/endpoint-groups.js'

const bob = makeAccount('bob')

/** One end of the conversation of two. */
interface End extends TestContext {
  group: LiveGroup
  presence: Presence
  events: EndpointEvent[]
}

let alice: End
let other: End

beforeEach(async () => {
  const [mine, theirs] = [await openTestContext(makeAccount('alice')), await openTestContext(bob)]
  const [group, same] = await meet(mine, theirs)
  alice = endOf(mine, group)
  other = endOf(theirs, same)
})

function endOf(endpoint: TestContext, group: LiveGroup): End {
  const events: EndpointEvent[] = []
  return {
    ...endpoint,
    group,
    events,
    presence: new Presence(endpoint.clock, event => void events.push(event)),
  }
}

const says = ({ presence, context, clock }: End, here: boolean, asks = false) => {
  // Nobody says two things at the same moment.
  clock.pass(1)
  return presence.announce(context, { here, asks })
}
/** One end takes in what the other one says. */
async function hears(end: End, said: readonly Outgoing[]): Promise<Outgoing[]> {
  const answers: Outgoing[] = []
  for (const { envelope } of said) {
    if (envelope?.case !== 'ephemeral') throw new Error('not ephemeral')
    const value = create(EphemeralEnvelopeSchema, envelope.value)
    answers.push(...(await end.presence.take(end.context, end.group.record.conversationId, value)))
  }
  return answers
}
const told = ({ events }: End) =>
  events.flatMap(event => (event.type === 'presence' ? [`${event.handle} ${event.here}`] : []))

describe('a peer', () => {
  test('who says so is here, and has gone who says so; each is told once', async () => {
    await hears(other, await says(alice, true))
    await hears(other, await says(alice, true))
    expect(other.presence.isHere(alice.context.account.account.publicKey)).toBe(true)
    await hears(other, await says(alice, false))
    expect(other.presence.isHere(alice.context.account.account.publicKey)).toBe(false)
    expect(told(other)).toEqual(['alice true', 'alice false'])
  })

  test('who asks is answered, and does not ask back', async () => {
    const answers = await hears(other, await says(alice, true, true))
    expect(answers).toHaveLength(1)
    expect(await hears(alice, answers)).toEqual([])
    expect(told(alice)).toEqual(['bob true'])
  })

  test('of whom nothing is heard for 40 seconds has gone', async () => {
    await hears(other, await says(alice, true))
    other.clock.pass(40_000)
    other.presence.expire()
    expect(other.presence.isHere(alice.context.account.account.publicKey)).toBe(true)
    other.clock.pass(1)
    other.presence.expire()
    expect(told(other)).toEqual(['alice true', 'alice false'])
  })

  test('is not known of when the line is down, which is not told', async () => {
    await hears(other, await says(alice, true))
    other.presence.forget()
    expect(other.presence.isHere(alice.context.account.account.publicKey)).toBe(false)
    expect(told(other)).toEqual(['alice true'])
  })
})

describe('what a server does with it', () => {
  test('repeated, or out of its order, it changes nothing', async () => {
    const first = await says(alice, true, true)
    const last = await says(alice, false)
    await hears(other, first)
    await hears(other, last)
    expect(await hears(other, first)).toEqual([])
    expect(told(other)).toEqual(['alice true', 'alice false'])
  })

  test('withheld for two minutes it changes nothing', async () => {
    const said = await says(alice, true, true)
    other.clock.pass(121_000)
    expect(await hears(other, said)).toEqual([])
    expect(told(other)).toEqual([])
  })

  test('altered, or of another group, it changes nothing', async () => {
    const said = await says(alice, true, true)
    const [envelope] = said.map(each => (each.envelope?.case === 'ephemeral' ? each.envelope.value : {}))
    const ciphertext = Uint8Array.from(envelope?.ciphertext ?? [])
    ciphertext[20]! ^= 1
    const altered = [
      { clientSequence: 0n, envelope: { case: 'ephemeral', value: { ...envelope, ciphertext } } },
    ] as const
    expect(await hears(other, altered)).toEqual([])
    const value = create(EphemeralEnvelopeSchema, envelope)
    expect(await other.presence.take(other.context, new Uint8Array(16), value)).toEqual([])
    expect(told(other)).toEqual([])
  })
})

describe('nobody is told who is here', () => {
  test('in a group that is not active', async () => {
    await putInPhase(alice, alice.group, { name: 'ended', why: 'removed' })
    expect(await says(alice, true)).toEqual([])
    await putInPhase(other, other.group, { name: 'ended', why: 'removed' })
    await putInPhase(alice, alice.group, joined())
    expect(await hears(other, await says(alice, true, true))).toEqual([])
    expect(told(other)).toEqual([])
  })

  test('of those who are blocked, who are not heard either', async () => {
    await other.written((tx, { context }) =>
      context.contacts.block(tx, alice.context.account.account.publicKey, true),
    )
    expect(await says(other, true)).toEqual([])
    expect(await hears(other, await says(alice, true, true))).toEqual([])
    expect(told(other)).toEqual([])
  })

  test('of those who show another key than the pinned one, who are not heard either', async () => {
    await other.written((tx, { context }) => {
      context.contacts.meet(tx, { handle: 'alice', accountKey: accountKey(new Uint8Array(32)) })
      context.contacts.accept(tx, 'alice')
    })
    expect(await hears(other, await says(alice, true, true))).toEqual([])
    expect(told(other)).toEqual([])
  })

  test('in a conversation of more than eight devices', async () => {
    const open: Parameters<typeof groupWith>[1]['open'] = ({ context, tx }) =>
      context.conversations.openRoom(tx, 'all')
    const guests = (count: number) => Array.from({ length: count }, (_, at) => makeAccount(`guest${at}`))
    const few = await groupWith(alice, { others: guests(7), open, room: {} })
    const many = await groupWith(alice, { others: guests(8), open, room: {} })
    const said = await alice.presence.announce(alice.context, { here: true, asks: false }, [few, many])
    expect(said.map(({ conversationId }) => conversationId)).toEqual([few.record.conversationId])
  })
})
