// The server, or somebody who has taken it over, gives members commits and welcomes that no member made so: another
// roster change, another epoch, other bytes, or another one's signature.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import type { HistoryEntry } from '../../services/endpoint/events.js'
import { equalBytes } from '../../services/protocol/bytes.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import { type Person, RealTown } from '../support/real-town.js'
import { withLog } from '../support/store-wrapper.js'

type Content = Envelope['envelope']

let town: RealTown
/** Of what everybody but alice is shown: where all have lost a room, nobody is left to take them in again. */
let forge: (content: Content) => Content
let people: Person[]

beforeEach(async () => {
  town = await RealTown.build()
  forge = content => content
  const honest = await openSqliteStore({ folder: town.folder('server') })
  const store = withLog(honest, {
    async read(request) {
      const result = await honest.log.read(request)
      const own = people[0]?.endpoint.devices().find(({ isThis }) => isThis)
      if (own && equalBytes(own.id, request.device)) return result
      return {
        ...result,
        envelopes: result.envelopes.map(envelope => ({ ...envelope, envelope: forge(envelope.envelope) })),
      }
    },
  })
  people = []
  const relay = await town.server({ store })
  for (const handle of ['alice', 'bob', 'carol']) people.push(await town.join(handle, relay))
  for (const person of people) await person.line('up')
})

afterEach(() => town.leave())

const entries = (person: Person): HistoryEntry[] =>
  person.events.flatMap(event => (event.type === 'message' ? [event.entry] : []))
const isForged = (entry: HistoryEntry) => entry.kind === 'unreadable' && entry.cause.code === 'not-signed'
const texts = (person: Person) => entries(person).flatMap(({ kind, text }) => (kind === 'text' ? [text] : []))

const joins = (person: Person) =>
  entries(person).filter(entry => entry.kind === 'event' && entry.system.code === 'joined').length

const flipped = (bytes: Uint8Array, at: number) =>
  bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

test.each<[string, (content: Content) => Content]>([
  [
    'another roster change',
    content => {
      if (content.case !== 'commit') return content
      const rosterChange = {
        $typeName: 'parley.v1.RosterChange' as const,
        addedDeviceIds: [],
        removedDeviceIds: [new Uint8Array(32)],
      }
      return { case: 'commit', value: { ...content.value, rosterChange } }
    },
  ],
  [
    'other bytes',
    content =>
      content.case === 'commit'
        ? { case: 'commit', value: { ...content.value, commit: flipped(content.value.commit, 90) } }
        : content,
  ],
  [
    'another signature',
    content =>
      content.case === 'commit'
        ? {
            case: 'commit',
            value: { ...content.value, headSignature: flipped(content.value.headSignature, 5) },
          }
        : content,
  ],
])('a commit with %s is told of, and the room is usable again by itself', async (_, forging) => {
  const [alice, bob, carol] = people as [Person, Person, Person]
  const room = await alice.endpoint.createRoom({ name: 'tea', historyDays: 0, invite: ['bob', 'carol'] })
  await alice.holds(() => alice.endpoint.room(room).members.length === 3)
  await alice.endpoint.send(room, 'before')
  for (const person of [bob, carol]) await person.holds(() => texts(person).includes('before'))
  forge = forging
  await alice.endpoint.changeRoom(room, { kind: 'topic', topic: 'green' })
  for (const person of [bob, carol]) await person.holds(() => entries(person).some(isForged))
  forge = content => content
  await alice.endpoint.send(room, 'after')
  // They missed a change, and are taken in again; what they could not read meanwhile is said again.
  for (const person of [bob, carol]) await person.holds(() => joins(person) === 2)
  await alice.endpoint.send(room, 'welcome back')
  for (const person of [bob, carol])
    await person.holds(() => ['after', 'welcome back'].every(text => texts(person).includes(text)))
  expect(alice.endpoint.room(room).members).toHaveLength(3)
})
