// Rooms of a town: how their members are heard, and what a server can do to what they read.

import type { Envelope } from '../../gen/parley/v1/chat_pb.js'
import { saidIn } from './said.js'
import type { Person, Server, Town } from './town.js'

/** The fate of the envelopes that a device reads. */
export type Meddling = (envelopes: Envelope[], reader: Uint8Array) => Envelope[]

export const isOf = (person: Person, reader: Uint8Array) =>
  Buffer.compare(person.endpoint.account()!.deviceKey, reader) === 0

export const isKind =
  (kind: Envelope['envelope']['case']) =>
  ({ envelope }: Envelope) =>
    envelope.case === kind

/** The envelopes of a kind are changed for these readers. */
export const changing =
  (
    readers: Person[],
    kind: Envelope['envelope']['case'],
    change: (envelope: Envelope) => Envelope[],
  ): Meddling =>
  (envelopes, reader) =>
    readers.some(person => isOf(person, reader))
      ? envelopes.flatMap(envelope => (isKind(kind)(envelope) ? change(envelope) : [envelope]))
      : envelopes

/** The first one only. */
export const firstOf = (change: (envelope: Envelope) => Envelope[]) => {
  let isDone = false
  return (envelope: Envelope) => {
    if (isDone) return [envelope]
    isDone = true
    return change(envelope)
  }
}

export const roomOf = (person: Person) => person.endpoint.conversations().find(({ kind }) => kind === 'room')
export const lines = (person: Person) => {
  const room = roomOf(person)
  return room ? person.endpoint.history(room.number) : []
}
export const textsOf = (person: Person) =>
  lines(person)
    .filter(({ kind }) => kind === 'text')
    .map(({ text }) => text)
export const others = (person: Person) =>
  lines(person)
    .filter(({ kind }) => kind !== 'text')
    .map(entry => `${entry.kind}: ${saidIn(entry)}`)
export const hears = (person: Person, ...texts: string[]) =>
  person.holds(() => texts.every(text => textsOf(person).includes(text)))
export const say = async (person: Person, text: string) => {
  await person.endpoint.send(roomOf(person)!.number, text)
  await person.holds(() => lines(person).some(entry => entry.text === text && entry.state !== 'waiting'))
}
export const members = (person: Person) =>
  person.endpoint
    .room(roomOf(person)!.number)
    .members.map(({ handle }) => handle)
    .sort()

/** A room whose admin is the first; everybody has heard everybody, and owes no update any more. */
export async function openRoom(town: Town, server: Server, handles: readonly string[]): Promise<Person[]> {
  const people: Person[] = []
  for (const handle of handles) people.push(await town.join(handle, server))
  const [admin, ...rest] = people
  for (const person of people) await person.line('up')
  const number = await admin!.endpoint.createRoom({ name: 'tea', historyDays: 0 })
  for (const { handle } of rest) await admin!.endpoint.changeRoom(number, { kind: 'invite', handle })
  for (const person of rest) await person.event('conversation', ({ state }) => state === 'ready')
  for (const person of people) await person.holds(() => members(person).length === handles.length)
  for (const person of people) await say(person, `${person.handle} is here`)
  for (const person of people) await hears(person, ...handles.map(handle => `${handle} is here`))
  // Nor receipts, which would be taken for what a test says.
  const isDelivered = (person: Person) =>
    lines(person).every(({ own, state }) => !own || state === 'delivered')
  for (const person of people) await person.holds(() => isDelivered(person))
  return people
}
