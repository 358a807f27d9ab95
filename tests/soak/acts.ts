// A member's turn: mostly it writes; now and then it changes a room.

import { Refusal } from '../../services/endpoint/codes/refusal.js'
import type { Endpoint } from '../../services/endpoint/endpoint.js'
import type { ConversationNumber } from '../../services/endpoint/ids.js'
import type { RoomView } from '../../services/endpoint/rooms.js'
import type { Chance } from '../support/chance.js'
import { founderOf, isAdversary, isHonest, marked } from './adversary/names.js'

export interface Member {
  handle: string
  /** The handle, and for the second device of it a letter more. */
  name: string
  endpoint: Endpoint
  others: string[]
  /** Texts so far. */
  sent: number
  /** Begins the texts of this run of the process. */
  label: string
  chance: Chance
  /** It is to open a room first. */
  lacksRoom: boolean
  /** That room, where others are in it before. */
  founded?: ConversationNumber
  /** There are adversaries: the founder of a room stays in it, so that there is somebody to take them out. */
  keepsFounders: boolean
  /** It is to have a second device once it has sent so many texts. */
  linksAfter: number
}

interface Room {
  number: ConversationNumber
  view: RoomView
}

const WEIGHTS = {
  write: 80,
  writeDirect: 12,
  invite: 3,
  remove: 1.2,
  rename: 1,
  topic: 1,
  admin: 1,
  leave: 0.4,
} as const
/** So many are invited to a new room, at most. */
const FIRST_INVITED = 12

/** The same name for all members: a room's first name, or both handles. */
export function conversationName(handle: string, kind: string, peer: string): string {
  return kind === 'room' ? peer.replace(/^#/, '').replace(/[ ~].*$/, '') : [handle, peer].sort().join('+')
}

/** The conversations of honest people with each other: none that adversaries have made. */
export const honestConversations = ({ endpoint, handle }: Pick<Member, 'endpoint' | 'handle'>) =>
  endpoint
    .conversations()
    .map(known => ({ ...known, name: conversationName(handle, known.kind, known.peer) }))
    .filter(isHonest)

/** The text, and in a room for which adversaries it is. */
export function textFor(endpoint: Endpoint, conversation: ConversationNumber, text: string): string {
  const { kind } = endpoint.conversations().find(({ number }) => number === conversation)!
  return kind === 'room' ? marked(text, endpoint.room(conversation).members) : text
}

/** Never throws for what the endpoint refuses a person. */
export async function actOnce(member: Member): Promise<void> {
  try {
    await act(member)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}

async function act(member: Member): Promise<void> {
  if (member.lacksRoom) return await found(member)
  const { chance, endpoint, others, handle } = member
  const rooms = roomsOf(endpoint).filter(room => !isAlone(member, room))
  const own = chance.pick(rooms.filter(({ view }) => view.isAdmin))
  const kind = chance.weighted(WEIGHTS)
  const any = chance.pick(rooms)
  if (kind === 'writeDirect' || (kind === 'write' && !any))
    return await write(member, await endpoint.open(chance.pick(others)!))
  if (kind === 'write') return await write(member, any!.number)
  if (kind === 'leave') {
    if (any && mayGo(member, any, handle)) await endpoint.leaveRoom(any.number)
    return
  }
  if (own) await change(member, own, kind, handle)
}

/** Nobody honest has come yet: adversaries come first, and a text that waits says that it is for none of them. */
const isAlone = ({ handle }: Member, { view: { members } }: Room): boolean =>
  members.every(each => each.handle === handle || isAdversary(each.handle))

const mayGo = ({ keepsFounders }: Member, { view }: Room, handle: string): boolean =>
  !keepsFounders || founderOf(firstName(view.name)) !== handle

const firstName = (name: string): string => name.replace(/ .*$/, '')

async function change(
  member: Member,
  room: Room,
  kind: 'invite' | 'remove' | 'rename' | 'topic' | 'admin',
  handle: string,
): Promise<void> {
  const { chance, endpoint, others, sent } = member
  const { number, view } = room
  const inside = view.members.filter(each => each.handle !== handle && !isAdversary(each.handle))
  const outside = others.filter(other => !inside.some(each => each.handle === other))
  const one = chance.pick(inside.filter(each => mayGo(member, room, each.handle)))
  const name = firstName(view.name)
  if (kind === 'invite' && outside.length > 0)
    await endpoint.changeRoom(number, { kind, handle: chance.pick(outside)! })
  if (kind === 'remove' && one) await endpoint.changeRoom(number, { kind, handle: one.handle })
  if (kind === 'rename')
    await endpoint.changeRoom(number, { kind: 'name', name: `${name} ${handle} ${sent}` })
  if (kind === 'topic') await endpoint.changeRoom(number, { kind, topic: `of ${handle}, ${sent}` })
  if (kind === 'admin' && one)
    await endpoint.changeRoom(number, { kind, handle: one.handle, isAdmin: !one.isAdmin })
}

async function write(member: Member, conversation: ConversationNumber): Promise<void> {
  const { endpoint, handle, label } = member
  const known = endpoint.conversations().find(({ number }) => number === conversation)!
  const name = conversationName(handle, known.kind, known.peer)
  await endpoint.send(conversation, textFor(endpoint, conversation, `${name} ${label} ${member.sent++}`))
}

async function found(member: Member): Promise<void> {
  member.lacksRoom = false
  await inviteSome(member, member.founded ?? (await createRoom(member)), FIRST_INVITED)
}

/** The rooms that this one has opened. */
export const foundedBy = ({ endpoint, handle }: Member): Room[] =>
  roomsOf(endpoint).filter(({ view }) => founderOf(firstName(view.name)) === handle)

export function createRoom(member: Member): Promise<ConversationNumber> {
  const { endpoint, handle } = member
  // Those among them that cannot be written in now, too.
  const before = honestConversations(member).filter(({ name }) => founderOf(name) === handle).length
  return endpoint.createRoom({
    name: before > 0 ? `of-${handle}-${before + 1}` : `of-${handle}`,
    historyDays: 0,
  })
}

/** Asks some others to come. */
export async function inviteSome(
  { endpoint, chance, others }: Member,
  number: ConversationNumber,
  most: number,
) {
  for (const handle of chance.shuffled(others).slice(0, most))
    await endpoint.changeRoom(number, { kind: 'invite', handle })
}

export function roomsOf(endpoint: Endpoint): Room[] {
  return endpoint
    .conversations()
    .filter(({ kind }) => kind === 'room')
    .map(({ number }) => ({ number, view: endpoint.room(number) }))
    .filter(({ view }) => view.state === 'ready')
}
