// A process of several members: real endpoints that do what chance says, until they are told to stop.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Endpoint, openEndpoint } from '../../services/endpoint/endpoint.js'
import type { EndpointEvent } from '../../services/endpoint/events.js'
import { answer } from '../bench/worker.js'
import { actOnce, conversationName, type Member } from './acts.js'
import { chance } from './random.js'
import type { Transcript } from './transcripts.js'

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
}

export interface MemberCounts {
  /** Lines that came up. */
  lines: number
  notices: Record<string, number>
}

const HOST = '127.0.0.1'
const QUIET_LOOK_MS = 50

const members: Member[] = []
const counts: MemberCounts = { lines: 0, notices: {} }
const up = new Set<string>()
let lastEvent = performance.now()
let acting = false

function onEvent(handle: string, event: EndpointEvent): void {
  if (event.type !== 'presence') lastEvent = performance.now()
  if (event.type === 'notice' && event.level !== 'info')
    counts.notices[event.text] = (counts.notices[event.text] ?? 0) + 1
  if (event.type !== 'line') return
  if (event.line.state === 'up') {
    counts.lines++
    up.add(handle)
  } else up.delete(handle)
  if (event.line.state === 'stopped') throw new Error(`${handle} has stopped: ${event.line.cause}`)
}

async function openMember(start: MembersStart, handle: string): Promise<Member> {
  const endpoint: Endpoint = await openEndpoint({
    folder: join(start.folder, handle),
    onEvent: event => onEvent(handle, event),
  })
  endpoint.prepare({ handle, address: { host: HOST, port: start.port } })
  endpoint.connect()
  const sent = endpoint
    .conversations()
    .flatMap(({ number }) => endpoint.history(number))
    .filter(({ kind, own }) => kind === 'text' && own).length
  const { everybody, generation } = start
  const index = everybody.indexOf(handle)
  return {
    handle,
    endpoint,
    others: everybody.filter(other => other !== handle),
    sent,
    label: `${handle} ${generation}`,
    chance: chance(start.seed + index * 1000 + generation),
    lacksRoom: start.founders.includes(handle) && generation === 0,
  }
}

function transcripts({ handle, endpoint }: Member): Transcript[] {
  return endpoint.conversations().map(({ number, kind, peer }) => {
    const room = kind === 'room' ? endpoint.room(number) : undefined
    const person = endpoint.people().find(({ conversation }) => conversation === number)
    return {
      member: handle,
      conversation: conversationName(handle, kind, peer),
      ready: room ? room.state === 'ready' : person?.state === 'ready',
      members: room ? room.members.map(member => member.handle).sort() : [],
      lines: endpoint
        .history(number)
        .map(({ kind, own, text, sequence, state }) => ({ kind, own, text, sequence, state })),
    }
  })
}

const methods = {
  async start(start: MembersStart) {
    for (const handle of start.handles) members.push(await openMember(start, handle))
  },
  /** Begins to act: each member sends so many texts over so long a time, in ms. */
  async act({ messages, ms }: { messages: number; ms: number }) {
    acting = true
    for (const member of members) void goOn(member, { messages, pauseMs: ms / messages })
  },
  async rest() {
    acting = false
  },
  /** Everybody writes to every conversation that they are in. */
  async sayLast() {
    for (const { endpoint, handle, label } of members)
      for (const { number, kind, peer } of endpoint.conversations()) {
        if (kind === 'room' && endpoint.room(number).state !== 'ready') continue
        await endpoint.send(number, `${conversationName(handle, kind, peer)} ${label} last`)
      }
  },
  /** How long nothing has happened, in ms, and whether something is still waiting. */
  async quiet() {
    const isBusy = members.some(({ endpoint, handle }) => !up.has(handle) || unsentOf(endpoint) > 0)
    return { ms: performance.now() - lastEvent, isBusy }
  },
  /** Who is waiting for what, for a person who looks into it. */
  async state() {
    return members.map(({ handle, endpoint }) => ({ handle, up: up.has(handle), ...endpoint.unsettled() }))
  },
  counts: async () => counts,
  dump: async () => members.flatMap(transcripts),
}
export type MembersApi = typeof methods

/** Texts that can still go out. */
function unsentOf(endpoint: Endpoint): number {
  return endpoint
    .conversations()
    .filter(({ number, kind }) => kind !== 'room' || endpoint.room(number).state === 'ready')
    .flatMap(({ number }) => endpoint.history(number, LAST_LINES))
    .filter(({ own, state }) => own && state === 'waiting').length
}

const LAST_LINES = 50

async function goOn(
  member: Member,
  { messages, pauseMs }: { messages: number; pauseMs: number },
): Promise<void> {
  while (acting && member.sent < messages) {
    await delay(Math.max(QUIET_LOOK_MS, member.chance.between(0, 2 * pauseMs)))
    if (acting) await actOnce(member)
  }
}

answer(methods, async () => {
  for (const { endpoint } of members) await endpoint.close()
})
