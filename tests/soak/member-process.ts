// A process of several members: real endpoints that do what chance says, until they are told to stop.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Refusal } from '../../services/endpoint/codes/refusal.js'
import { openEndpoint } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent, HistoryEntry } from '../../services/endpoint/events.js'
import { systemClock, systemRandom } from '../../services/endpoint/local.js'
import { WorkerWelcomeOpener } from '../../services/endpoint/mls/welcome-opener.js'
import { Records } from '../../services/endpoint/vault/records.js'
import { openVault } from '../../services/endpoint/vault/vault.js'
import { seedOf } from '../../services/protocol/identity/recovery-phrase.js'
import { dialer } from '../../services/rpc/node/dialer.js'
import { answer } from '../bench/worker.js'
import { chance } from '../support/chance.js'
import {
  actOnce,
  createRoom,
  foundedBy,
  honestConversations,
  inviteSome,
  type Member,
  roomsOf,
  textFor,
} from './acts.js'
import { isAdversary } from './adversary/names.js'
import type { Role } from './adversary/program.js'
import { groupOf, groupsOf } from './kept.js'
import type { Line, Transcript } from './transcripts.js'

export interface MembersStart {
  folder: string
  port: number
  handles: string[]
  /** All members of all processes. */
  everybody: string[]
  seed: number
  /** How often this process was started before. */
  generation: number
  /** Handles whose members open a room at first. */
  founders: string[]
  hasAdversaries: boolean
}

export interface MemberCounts {
  /** Lines that came up. */
  lines: number
  notices: Record<string, number>
}

const HOST = '127.0.0.1'
const QUIET_LOOK_MS = 50
/** Nobody comes into a room any more after so long, in ms. */
const FOUND_MS = 30_000
/** One handle in so many gets a second device, once it has sent this part of its texts. */
const TWO_DEVICES_IN = 5
const LINKS_AFTER = 0.2

/** So many honest ones come into a room that is opened because no adversary is left in those before. */
const LATER_INVITED = 4

interface Kept extends Member {
  /** All that its endpoint has on its disk. */
  records: Records
}

const members: Kept[] = []
let started: MembersStart
const counts: MemberCounts = { lines: 0, notices: {} }
const up = new Set<string>()
let lastEvent = performance.now()
/** The last event, for a person who looks into it. */
let lastSaid = ''
let acting = false

function onEvent(name: string, event: EndpointEvent): void {
  if (event.type !== 'presence') {
    lastEvent = performance.now()
    lastSaid = `${name}: ${inspect(event, { breakLength: Number.POSITIVE_INFINITY })}`
  }
  if (event.type === 'notice' && event.level !== 'info')
    counts.notices[event.notice.code] = (counts.notices[event.notice.code] ?? 0) + 1
  if (event.type !== 'line') return
  if (event.line.state === 'up') {
    counts.lines++
    up.add(name)
  } else up.delete(name)
  if (event.line.state === 'stopped') throw new Error(`${name} has stopped: ${event.line.reason}`)
}

const secondOf = (handle: string) => `${handle}b`

/** `seed`: of the account, for its second device. */
async function openMember(start: MembersStart, handle: string, seed?: Uint8Array): Promise<Kept> {
  const name = seed ? secondOf(handle) : handle
  const vault = await openVault({ folder: join(start.folder, name) })
  const endpoint = await openEndpoint(
    {
      ...{ vault, dialer, clock: systemClock, random: systemRandom },
      resolve: async host => [host],
      welcomes: new WorkerWelcomeOpener(),
    },
    { requests: 'accept', onEvent: event => onEvent(name, event) },
  )
  const address = { host: HOST, port: start.port }
  await endpoint.prepare({ handle, address, keepsWords: true, ...(seed && { seed }) })
  endpoint.connect()
  const sent = endpoint
    .conversations()
    .flatMap(({ number }) => endpoint.history(number))
    .filter(({ kind, own, text }) => kind === 'text' && own && isBy(name, text)).length
  const { everybody, generation } = start
  const index = everybody.indexOf(handle) + (seed ? everybody.length : 0)
  const getsSecond = !seed && index % TWO_DEVICES_IN === TWO_DEVICES_IN - 1
  return {
    handle,
    name,
    endpoint,
    records: new Records(vault, () => undefined),
    others: everybody.filter(other => other !== handle),
    sent,
    label: `${name} ${generation}`,
    chance: chance(start.seed + index * 1000 + generation),
    keepsFounders: start.hasAdversaries,
    lacksRoom: !seed && start.founders.includes(handle) && generation === 0,
    linksAfter: getsSecond ? LINKS_AFTER : Number.POSITIVE_INFINITY,
  }
}

async function openSecond(start: MembersStart, first: Kept): Promise<Kept> {
  first.linksAfter = Number.POSITIVE_INFINITY
  const second = await openMember(start, first.handle, seedOf(first.endpoint.recoveryPhrase() ?? ''))
  members.push(second)
  return second
}

/** Whether this device wrote it: texts name their conversation, device and number. */
const isBy = (name: string, text: string) => text.split(' ')[1] === name

function lineOf({ name, records }: Kept, entry: HistoryEntry): Line {
  const { kind, own, sequence, state } = entry
  const isOwn = own && isBy(name, entry.text)
  return {
    kind,
    own: isOwn,
    sibling: own && !isOwn,
    text: textOf(entry),
    sequence,
    state,
    ...groupOf(records, entry),
  }
}

function textOf(entry: HistoryEntry): string {
  if (entry.kind === 'text') return entry.text
  return entry.kind === 'event' ? entry.system.code : entry.cause.code
}

function transcripts(member: Kept): Transcript[] {
  const { handle, name, endpoint, records } = member
  return honestConversations({ endpoint, handle }).map(({ number, kind, name: conversation }) => {
    const room = kind === 'room' ? endpoint.room(number) : undefined
    const person = endpoint.people().find(({ conversation }) => conversation === number)
    return {
      member: name,
      account: handle,
      conversation,
      ready: room ? room.state === 'ready' : person?.state === 'ready',
      members: room
        ? room.members
            .map(each => each.handle)
            .filter(each => !isAdversary(each))
            .sort()
        : [],
      groups: groupsOf(records, number),
      lines: endpoint
        .history(number)
        .filter(({ kind: sort, from }) => sort !== 'text' || !isAdversary(from))
        .map(entry => lineOf(member, entry)),
    }
  })
}

const methods = {
  async start(start: MembersStart) {
    started = start
    for (const handle of start.handles) {
      const first = await openMember(start, handle)
      members.push(first)
      if (existsSync(join(start.folder, secondOf(handle)))) await openSecond(start, first)
    }
  },
  /** Those who are to open a room do so now, with these in it. Resolves when they are. */
  async foundWith(adversaries: readonly { handle: string; role: Role }[]) {
    await Promise.all(
      members.filter(({ lacksRoom }) => lacksRoom).map(member => foundWith(member, adversaries)),
    )
  },
  /** Those who have no adversary left in any room that they have opened open another one with these. */
  async foundMore(adversaries: readonly { handle: string; role: Role }[]) {
    const isRid = (member: Member) =>
      foundedBy(member).every(({ view }) => !view.members.some(each => isAdversary(each.handle)))
    const founders = members.filter(
      ({ handle, name }) => started.founders.includes(handle) && name === handle,
    )
    await Promise.all(founders.filter(isRid).map(member => foundAnother(member, adversaries)))
  },
  /** Removes somebody from all rooms where that is an admin's to do; returns in how many rooms they still are. */
  async expel(handle: string) {
    let left = 0
    for (const { endpoint } of members)
      for (const { number, view } of roomsOf(endpoint)) {
        if (!view.members.some(member => member.handle === handle)) continue
        left++
        if (view.isAdmin) await endpoint.changeRoom(number, { kind: 'remove', handle }).catch(refusedOnly)
      }
    return left
  },
  /** Begins to act: each member sends so many texts over so long a time, in ms. */
  async act({ messages, ms }: { messages: number; ms: number }) {
    acting = true
    for (const member of [...members]) void goOn(member, { messages, pauseMs: ms / messages })
  },
  async rest() {
    acting = false
  },
  /** Everybody writes to every conversation that they are in. */
  async sayLast() {
    for (const member of members)
      for (const { number, kind, name } of honestConversations(member)) {
        const { endpoint, label } = member
        if (kind === 'room' && endpoint.room(number).state !== 'ready') continue
        await endpoint.send(number, textFor(endpoint, number, `${name} ${label} last`))
      }
  },
  /** How long nothing has happened, in ms, and whether something is still waiting. */
  async quiet() {
    for (const member of members) await agree(member)
    const isBusy = members.some(
      ({ endpoint, handle, name }) => !up.has(name) || unsentOf({ endpoint, handle }) > 0,
    )
    return { ms: performance.now() - lastEvent, isBusy }
  },
  /** The waits that are open, for a person who looks into it. */
  async state() {
    return {
      members: members.map(({ name, endpoint }) => ({ name, up: up.has(name), ...endpoint.unsettled() })),
      quietMs: performance.now() - lastEvent,
      lastSaid,
    }
  },
  counts: async () => counts,
  dump: async () => members.flatMap(transcripts),
}
export type MembersApi = typeof methods

async function foundWith(
  member: Member,
  adversaries: readonly { handle: string; role: Role }[],
): Promise<void> {
  const { endpoint, name } = member
  await soon(() => up.has(name))
  const number = await createRoom(member)
  const isIn = (handle: string, isAdmin = false) =>
    endpoint.room(number).members.some(each => each.handle === handle && each.isAdmin === isAdmin)
  for (const { handle } of adversaries) await endpoint.changeRoom(number, { kind: 'invite', handle })
  await soon(() => adversaries.every(({ handle }) => isIn(handle)))
  const admins = adversaries.filter(({ role }) => role === 'admin')
  for (const { handle } of admins) await endpoint.changeRoom(number, { kind: 'admin', handle, isAdmin: true })
  await soon(() => admins.every(({ handle }) => isIn(handle, true)))
  member.founded = number
}

/** Adversaries that cannot be had any more keep everybody out of it. */
async function foundAnother(
  member: Member,
  adversaries: readonly { handle: string; role: Role }[],
): Promise<void> {
  try {
    await foundWith(member, adversaries)
    await inviteSome(member, member.founded!, LATER_INVITED)
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof NobodyCame)) throw error
  }
}

class NobodyCame extends Error {
  override readonly name = 'NobodyCame'
}

async function soon(what: () => boolean): Promise<void> {
  for (const end = performance.now() + FOUND_MS; !what(); await delay(QUIET_LOOK_MS))
    if (performance.now() > end) throw new NobodyCame(JSON.stringify(counts))
}

function refusedOnly(error: unknown): void {
  if (!(error instanceof Refusal)) throw error
}

/** Texts that can still go out. */
function unsentOf(member: Pick<Member, 'endpoint' | 'handle'>): number {
  const { endpoint } = member
  return honestConversations(member)
    .filter(({ number, kind }) => kind !== 'room' || endpoint.room(number).state === 'ready')
    .flatMap(({ number }) => endpoint.history(number, LAST_LINES))
    .filter(({ own, state }) => own && state === 'waiting').length
}

const LAST_LINES = 50

/** Its person agrees that a new device has the history. */
async function agree({ endpoint }: Member): Promise<void> {
  for (const { id, waitsForHistory } of endpoint.devices())
    if (waitsForHistory) await endpoint.giveHistory(id).catch(refusedOnly)
}

async function goOn(
  member: Kept,
  { messages, pauseMs }: { messages: number; pauseMs: number },
): Promise<void> {
  while (acting && member.sent < messages) {
    await delay(Math.max(QUIET_LOOK_MS, member.chance.between(0, 2 * pauseMs)))
    if (acting) await actOnce(member)
    await agree(member)
    if (acting && member.sent >= messages * member.linksAfter)
      void goOn(await openSecond(started, member), { messages, pauseMs })
  }
}

answer(methods, async () => {
  for (const { endpoint } of members) await endpoint.close()
})
