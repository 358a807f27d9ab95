// Members who all commit at the same moment, again and again: one wins, the others make theirs again on what it left.

import { EventEmitter, once } from 'node:events'
import type { OutgoingEnvelope } from '../../gen/parley/v1/chat_pb.js'
import { type ConversationNumber, conversationNumber } from '../../services/endpoint/ids.js'
import { LIMITS } from '../../services/server/limits.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import type { Store } from '../../services/server/store/store.js'
import { type Person, RealTown } from '../support/real-town.js'
import { saidIn } from '../support/said.js'
import { withLog } from '../support/store-wrapper.js'

export interface Raced {
  /** Commits that were wished for, and made. */
  commits: number
  /** Commits that reached the server, those that lost included. */
  attempts: number
  /** Of one member in one round: every other one can win before it, once. */
  mostAttempts: number
  /** From the wishes of a round to the last commit at the last member, in ms. */
  roundMs: number[]
  /** The lines that each member was told in the room, in its order. */
  told: string[][]
}

interface Tries {
  store: Store
  total(): number
  /** Resolves when each of so many devices has made a commit that the server took. */
  haveWon(devices: number): Promise<void>
  /** The most that one device has made since this was last asked. */
  most(): number
}

/** In a store of its own: how often each device tries to commit. */
async function countTries(folder: string): Promise<Tries> {
  const store = await openSqliteStore({ folder, limits: LIMITS })
  const tries = new Map<string, number>()
  const won = new EventEmitter()
  const winners = new Set<string>()
  let total = 0
  const append: Store['log']['append'] = async (device, sends) => {
    const isCommit = ({ envelope }: OutgoingEnvelope) => envelope.case === 'commit'
    const commits = sends.filter(isCommit).length
    const name = Buffer.from(device).toString('hex')
    tries.set(name, (tries.get(name) ?? 0) + commits)
    total += commits
    const outcomes = await store.log.append(device, sends)
    if (sends.some((send, at) => isCommit(send) && outcomes[at]?.accepted)) winners.add(name)
    won.emit('commit')
    return outcomes
  }
  return {
    store: withLog(store, { append }),
    total: () => total,
    async haveWon(devices) {
      while (winners.size < devices) await once(won, 'commit')
    },
    most() {
      const most = Math.max(0, ...tries.values())
      tries.clear()
      return most
    },
  }
}

const HISTORY_OF_ALL = 100_000
const HERE = 'all are here'
const isHere = ({ text }: { text: string }): boolean => text === HERE

const NO_ROOM = conversationNumber(0n)
const room = ({ endpoint }: Person): ConversationNumber =>
  endpoint.conversations().find(({ kind }) => kind === 'room')?.number ?? NO_ROOM

const told = (person: Person): string[] =>
  room(person) === NO_ROOM
    ? []
    : person.endpoint
        .history(room(person), HISTORY_OF_ALL)
        .filter(({ kind }) => kind !== 'text')
        .map(entry => `${entry.sequence} ${saidIn(entry)}`)

/** All members are admins of one room, and in each round each sets its topic. */
export async function race({ members, rounds }: { members: number; rounds: number }): Promise<Raced> {
  const town = await RealTown.build()
  try {
    const tries = await countTries(town.folder('server'))
    const server = await town.server({ store: tries.store })
    const people: Person[] = []
    for (let index = 0; index < members; index++) people.push(await town.join(`racer${index}`, server))
    await gather(people, tries)
    tries.most()
    const before = tries.total()
    const roundMs: number[] = []
    let mostAttempts = 0
    for (let round = 0; round < rounds; round++) {
      roundMs.push(await raceOnce(people, round))
      mostAttempts = Math.max(mostAttempts, tries.most())
    }
    const since = `racer0 made racer${members - 1} an admin`
    const heard = people.map(person => {
      const all = told(person)
      return all.slice(all.findIndex(line => line.endsWith(since)) + 1)
    })
    return { commits: rounds * members, attempts: tries.total() - before, mostAttempts, roundMs, told: heard }
  } finally {
    await town.leave()
  }
}

/** One room, in which everybody is an admin and has made the update that follows joining. */
async function gather(people: readonly Person[], tries: Tries): Promise<void> {
  const [first, ...others] = people as [Person, ...Person[]]
  for (const person of people) await person.line('up')
  const number = await first.endpoint.createRoom({ name: 'races', historyDays: 0 })
  await first.holds(() => first.endpoint.room(number).state === 'ready')
  for (const { handle } of others) await first.endpoint.changeRoom(number, { kind: 'invite', handle })
  await first.holds(() => first.endpoint.room(number).members.length === people.length)
  for (const { handle } of others)
    await first.endpoint.changeRoom(number, { kind: 'admin', handle, isAdmin: true })
  for (const person of people)
    await person.holds(
      () =>
        room(person) !== NO_ROOM &&
        person.endpoint.room(room(person)).members.every(member => member.isAdmin),
    )
  // Else one could lose its update to another member, and then race for its topic; or all to an update of another one.
  await tries.haveWon(people.length)
  await first.endpoint.send(number, HERE)
  // It stands behind all updates.
  for (const person of people)
    await person.holds(() => person.endpoint.history(room(person), people.length).some(isHere))
}

async function raceOnce(people: readonly Person[], round: number): Promise<number> {
  const begin = performance.now()
  await Promise.all(
    people.map(({ endpoint, handle }, index) =>
      endpoint.changeRoom(room(people[index]!), { kind: 'topic', topic: `round ${round} of ${handle}` }),
    ),
  )
  const mark = `: round ${round} of `
  for (const person of people)
    await person.holds(() => {
      const last = person.endpoint.history(room(person), people.length * 2)
      return last.filter(entry => saidIn(entry).includes(mark)).length === people.length
    })
  return performance.now() - begin
}
