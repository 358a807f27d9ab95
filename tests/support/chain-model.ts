// A model of conversations with adversaries in them: random commits by members, strangers and removed ones, and by
// programs that look at no rule, are shown to members that know the group by different ways.

import { strict as assert } from 'node:assert'
import { toHex } from '../../services/protocol/bytes.js'
import type { Change } from '../../services/protocol/conversation/chain/change.js'
import type { ChainEntry } from '../../services/protocol/conversation/chain/entry.js'
import { makeLeave, readLeave } from '../../services/protocol/conversation/chain/leave-statement.js'
import { memberOf } from '../../services/protocol/conversation/chain/state.js'
import { leavesToRemove } from '../../services/protocol/conversation/commit-outcome.js'
import { CommitRefused } from '../../services/protocol/conversation/commit-refusal.js'
import {
  type CommitPlan,
  judgeCommit,
  planCommit,
  type SeenCommit,
} from '../../services/protocol/conversation/commit-verdict.js'
import { encodeGroupState } from '../../services/protocol/conversation/group-state.js'
import type { HeldGroup } from '../../services/protocol/conversation/held-group.js'
import type { Leaf } from '../../services/protocol/conversation/leaves.js'
import { makeRejoinStatement } from '../../services/protocol/conversation/rejoin-statement.js'
import { readWelcomed } from '../../services/protocol/conversation/welcomed-group.js'
import type { CryptoProvider } from '../../services/protocol/crypto.js'
import { type DeviceKey, deviceKey, sameKey } from '../../services/protocol/keys.js'
import { entriesFor, forged, GroupStory, reasonOf, seenOf } from './chain-groups.js'
import { type Device, ELSEWHERE, Person, SERVER_ID } from './chain-people.js'
import { wrappedTo } from './long-statements.js'
import { toyCrypto as crypto } from './toy-crypto.js'

const PEOPLE = 5
const DEVICES = 3
/** A number for whom or by whom means anybody from here on. */
const ANYBODY = 8
const MAKERS = ['add', 'remove', 'make-admin', 'unmake-admin', 'settings', 'leave'] as const
const WRAPPED_BYTES = 400
const NEW_LIST = 6
const NEW_LEAF = 7
const REMOVAL = 8
const REJOIN = 9

/** One commit of a sequence, in numbers that are taken modulo what there is. */
interface Step {
  by: number
  /** 8: by anybody with any device. */
  device: number
  /** 8: anybody. */
  whom: number
  which: number
  list: number
  /** 0 to 9: see MAKERS and what is behind them; 10: nothing. */
  acts: readonly number[]
  /** 3: the actor is an epoch behind. */
  behind: number
  /** How the program of the actor is modified; 0 to 3: it is not. */
  twist: number
}

/** The same people for all sequences: what they sign of their devices is made once. */
const people = Array.from({ length: PEOPLE }, (_, at) => new Person(crypto, at + 1, DEVICES))
/** The lists of each person: all devices; without the last; the same number again, otherwise; the last alone;
 * one for another server. */
const lists = people.map(person => [
  person.list,
  person.listOf(person.devices.slice(0, 2), { number: 2 }),
  person.listOf(person.devices.slice(1), { number: 2, issuedAt: 7 }),
  person.listOf(person.devices.slice(2), { number: 3 }),
  person.listOf(person.devices, { number: 4, serverId: ELSEWHERE }),
])
const listsOf = (person: Person) => lists[people.indexOf(person)]!
const at = <T>(items: readonly T[], number: number): T => items[number % items.length]!

/** The conversations as they begin: a room of the first three, and the first two alone. */
const BEGINNINGS = {
  room: GroupStory.roomOf(crypto, people.slice(0, 3)),
  direct: GroupStory.direct(crypto, people[0]!, people[1]!),
}

/** Another provider remembers nothing of what the first one has verified. */
const otherCrypto: CryptoProvider = { ...crypto }

interface View {
  crypto: CryptoProvider
  held: HeldGroup
}

export class ChainModel {
  readonly story: GroupStory
  /** Members that came at different times, by welcomes. */
  readonly views: View[] = []
  /** The group in each of its epochs. */
  readonly past: HeldGroup[]
  /** Every commit that was tried, with the place in `past` of the epoch that it was tried in. */
  readonly tried: { epoch: number; seen: SeenCommit; verdict: string }[] = []
  /** Everything that was ever signed, to be said again by an adversary. */
  readonly #leaves: Change[] = []
  readonly #rejoins: Uint8Array[] = []
  readonly #used = new Set<string>()

  constructor(kind: keyof typeof BEGINNINGS) {
    const { held, entries } = BEGINNINGS[kind]
    this.story = new GroupStory(crypto, held, entries)
    this.past = [held]
    this.views.push({ crypto: otherCrypto, held })
  }

  step(step: Step): void {
    const seen = this.#commit(step)
    const before = this.story.held
    const verdict = judgeCommit(crypto, before, seen)
    const said = verdict.isTaken ? 'taken' : reasonOf(verdict.why)
    this.tried.push({ epoch: this.past.length - 1, seen, verdict: said })
    for (const view of this.views) show(view, seen, said)
    if (!verdict.isTaken) return
    this.#once(verdict.entries, seen)
    checkPowers(before, verdict.after, verdict.entries)
    checkLeaves(verdict.after)
    this.story.take(verdict)
    this.past.push(this.story.held)
    for (const view of this.views) assert.equal(nameOf(view.held), nameOf(this.story.held))
    if (step.which % 3 === 0) this.#welcome()
  }

  /** A copy from before that is put back judges all that came since as the others did. */
  replay(from: number): void {
    const begin = from % this.past.length
    const view = { crypto: otherCrypto, held: this.past[begin]! }
    for (const { epoch, seen, verdict } of this.tried) if (epoch >= begin) show(view, seen, verdict)
    assert.equal(nameOf(view.held), nameOf(this.story.held))
  }

  #welcome(): void {
    const signer = this.story.held.leaves[0]!.deviceKey
    const { held } = readWelcomed(otherCrypto, this.story.welcome(signer))
    assert.equal(nameOf(held), nameOf(this.story.held))
    this.views[1] = { crypto, held }
  }

  /** Entries, leaves and requests count once. */
  #once(entries: readonly ChainEntry[], { basis }: SeenCommit): void {
    const names = entries.flatMap(({ hash, change }) =>
      change.kind === 'leave' ? [hash, change.leave.signed.signature] : [hash],
    )
    const requests = this.#rejoins.filter(request => Buffer.from(basis).includes(Buffer.from(request)))
    for (const name of [...names, ...requests].map(toHex)) {
      assert(!this.#used.has(name), 'counted twice')
      this.#used.add(name)
    }
  }

  #commit(step: Step): SeenCommit {
    const held = this.past.at(step.behind === 3 ? -2 : -1) ?? this.story.held
    if (step.twist === 9 && this.tried.length > 0) return at(this.tried, step.which).seen
    const plan = this.#plan(held, step, actor(held, step))
    try {
      const whole = completed(held, plan)
      const planned = planCommit(crypto, held, whole)
      return step.twist <= 3 ? seenOf(planned, whole) : twisted(held, whole, { step, as: planned.after })
    } catch (error) {
      if (error instanceof CommitRefused) return forged(crypto, held, plan)
      throw error
    }
  }

  #plan(held: HeldGroup, step: Step, by: Actor): CommitPlan {
    const plan = { committer: by.device.key, added: [] as Leaf[], removed: [] as DeviceKey[] }
    const basis = { lists: [] as Uint8Array[], removals: [] as Uint8Array[], rejoins: [] as Uint8Array[] }
    const changes: Change[] = []
    for (const act of new Set(step.acts)) {
      const whom = object(held, act, { step, by })
      const list = at(listsOf(whom), step.list)
      const device = whom.deviceOf(deviceKey(at(list.read.devices, step.which).deviceKey))!
      const maker = MAKERS[act]
      if (maker) changes.push(this.#change(held, maker, { whom, device, step }))
      if (maker === 'add' || act === NEW_LIST) basis.lists.push(list.encoded)
      if (maker === 'add' || act === NEW_LEAF) plan.added.push(whom.leaf(device, list))
      if (act === REMOVAL) {
        const [senior, junior] = [step.which, step.list].map(number => number % DEVICES).sort()
        const removal = whom.removal(at(whom.devices, junior!), at(whom.devices, senior!))
        // With bytes around it that nobody has signed, too.
        basis.removals.push(step.device % 3 === 2 ? wrappedTo(WRAPPED_BYTES, removal) : removal)
      }
      if (act === REJOIN) this.#rejoin(held, { whom, step }, { plan, basis })
    }
    const entries = entriesFor(crypto, held, { by: by.person, device: by.device, changes })
    return { ...plan, basis, entries }
  }

  #change(
    { state }: HeldGroup,
    kind: (typeof MAKERS)[number],
    { whom, device, step }: { whom: Person; device: Device; step: Step },
  ): Change {
    if (kind === 'settings')
      return { kind, settings: { name: `n${step.which}`, topic: '', historyDays: step.list } }
    if (kind !== 'leave') return { kind, accountKey: whom.key }
    if (step.which % 3 === 2 && this.#leaves.length > 0) return at(this.#leaves, step.list)
    // A stranger says the number of somebody else's stay.
    const added = memberOf(state, whom.key)?.added || 1
    const { pair, certificate } = device
    const signed = makeLeave(crypto, { conversationId: state.id, added, device: pair, certificate })
    const leave: Change = { kind, leave: readLeave(crypto, signed) }
    this.#leaves.push(leave)
    return leave
  }

  #rejoin(
    held: HeldGroup,
    { whom, step }: { whom: Person; step: Step },
    into: { plan: { added: Leaf[]; removed: DeviceKey[] }; basis: { rejoins: Uint8Array[] } },
  ): void {
    const { groupId, incarnation, state, epoch, leaves } = held
    const leaf = leaves.find(({ accountKey }) => sameKey(accountKey, whom.key))
    const device = (leaf && whom.deviceOf(leaf.deviceKey)) ?? at(whom.devices, step.which)
    const request = { groupId, incarnation, head: at(state.heads, step.list), lastEpoch: epoch }
    const fresh = makeRejoinStatement(crypto, request, { device: device.pair })
    this.#rejoins.push(fresh)
    into.basis.rejoins.push(step.which % 3 === 2 ? at(this.#rejoins, step.list) : fresh)
    into.plan.removed.push(device.key)
    if (step.list % 2 === 0) into.plan.added.push(leaf ?? whom.leaf(device))
  }
}

function show(view: View, seen: SeenCommit, said: string): void {
  const verdict = judgeCommit(view.crypto, view.held, seen)
  assert.equal(verdict.isTaken ? 'taken' : reasonOf(verdict.why), said)
  if (verdict.isTaken) view.held = verdict.after
}

interface Actor {
  person: Person
  device: Device
}

/** One with a leaf in the group, but for some. */
function actor({ leaves }: HeldGroup, { by, device }: Step): Actor {
  const leaf = at(leaves, by)
  const owner = people.find(each => sameKey(each.key, leaf.accountKey))!
  if (device !== ANYBODY) return { person: owner, device: owner.deviceOf(leaf.deviceKey)! }
  return { person: at(people, by), device: at(at(people, by).devices, by) }
}

/** One of those to whom that can be done, but for some. */
function object({ state }: HeldGroup, act: number, { step, by }: { step: Step; by: Actor }): Person {
  const isIn = ({ key }: Person) => memberOf(state, key) !== undefined
  const isAdmin = ({ key }: Person) => memberOf(state, key)?.isAdmin === true
  const maker = MAKERS[act]
  const fits = people.filter(person => {
    if (maker === 'add') return !isIn(person)
    if (maker === 'remove' || maker === 'leave') return isIn(person) && person !== by.person
    if (maker === 'make-admin') return isIn(person) && !isAdmin(person)
    return maker === 'unmake-admin' ? isAdmin(person) : isIn(person)
  })
  return step.whom !== ANYBODY && fits.length > 0 ? at(fits, step.whom) : at(people, step.whom)
}

/** A text that two groups have in common only if they are alike. */
function nameOf(held: HeldGroup): string {
  const { members } = held.state
  return [
    toHex(encodeGroupState(crypto, held, [])),
    held.epoch,
    ...held.leaves.flatMap(({ deviceKey, accountKey, serverId, list }) =>
      [deviceKey, accountKey, serverId, list.hash].map(toHex),
    ),
    ...members.flatMap(({ accountKey, added, isAdmin }) => [toHex(accountKey), added, isAdmin]),
  ].join()
}

/** With the removal of all leaves that the commit makes wrong, as an honest program has it. */
function completed(held: HeldGroup, plan: CommitPlan): CommitPlan {
  const { committer, entries = [], removed = [] } = plan
  const basis = { lists: [], removals: [], rejoins: [], ...plan.basis }
  const wrong = leavesToRemove(crypto, held, { committer, entries, basis })
  return { ...plan, removed: [...removed, ...wrong.filter(key => !removed.some(each => sameKey(each, key)))] }
}

/** A commit that would be taken, but for one thing. */
function twisted(held: HeldGroup, plan: CommitPlan, { step, as }: { step: Step; as: HeldGroup }): SeenCommit {
  const { added = [], removed = [], entries = [] } = plan
  const person = at(people, step.whom)
  const device = at(person.devices, step.which)
  switch (step.twist) {
    case 4:
      return forged(crypto, held, { ...plan, as, removed: removed.slice(1) })
    case 5:
      return forged(crypto, held, { ...plan, as, removed: [...removed, device.key] })
    case 6:
      return forged(crypto, held, { ...plan, as, added: [...added, person.leaf(device)] })
    case 7:
      return forged(crypto, held, { ...plan, as, committer: device.key })
    case 8:
      return forged(crypto, held, { ...plan, as: { ...as, state: held.state }, entries: entries.slice(1) })
    case 10:
      return forged(crypto, held, { ...plan, as, path: { ...person.leaf(device), serverId: ELSEWHERE } })
    default:
      return forged(crypto, held, { ...plan, as: { ...as, ledger: held.ledger } })
  }
}

interface Powers {
  /** With the number of the entry that added them. */
  members: Map<string, number>
  admins: Set<string>
}

const powersOf = ({ state }: HeldGroup): Powers => ({
  members: new Map(state.members.map(({ accountKey, added }) => [toHex(accountKey), added])),
  admins: new Set(state.members.filter(({ isAdmin }) => isAdmin).map(({ accountKey }) => toHex(accountKey))),
})

/** The rules once more, as a person would say them: nobody gets in, out or up but by one who may. */
function checkPowers(before: HeldGroup, after: HeldGroup, entries: readonly ChainEntry[]): void {
  const powers = powersOf(before)
  for (const entry of entries) {
    assert(powers.members.has(toHex(entry.author.accountKey)))
    if (entry.change.kind === 'leave') leave(powers, entry)
    else exercise(powers, entry)
  }
  assert.deepEqual(powersOf(after), powers)
}

function leave({ members, admins }: Powers, { author, change }: ChainEntry): void {
  assert(change.kind === 'leave')
  const gone = toHex(change.leave.accountKey)
  assert.notEqual(gone, toHex(author.accountKey))
  assert.equal(members.get(gone), change.leave.added)
  members.delete(gone)
  admins.delete(gone)
  const [oldest] = [...members].sort(([, one], [, other]) => one - other)
  if (admins.size === 0) admins.add(oldest![0])
}

function exercise({ members, admins }: Powers, { author, change, number }: ChainEntry): void {
  assert(admins.has(toHex(author.accountKey)))
  if (!('accountKey' in change)) return
  const whom = toHex(change.accountKey)
  assert.equal(members.has(whom), change.kind !== 'add')
  if (change.kind === 'add') members.set(whom, number)
  if (change.kind === 'make-admin') admins.add(whom)
  if (change.kind === 'remove') members.delete(whom)
  if (change.kind === 'remove' || change.kind === 'unmake-admin') admins.delete(whom)
  assert(admins.size > 0)
}

/** Every leaf is of a member of this server and one of its devices, and all its lists have that; nobody removed it who could. */
function checkLeaves({ leaves, state, ledger }: HeldGroup): void {
  assert.equal(new Set(leaves.map(({ deviceKey }) => toHex(deviceKey))).size, leaves.length)
  for (const { devices } of ledger.accounts)
    for (const { list } of devices.lists) assert.equal(toHex(list.serverId), toHex(SERVER_ID))
  for (const { accountKey, deviceKey, serverId } of leaves) {
    assert.equal(toHex(serverId), toHex(SERVER_ID))
    const name = toHex(deviceKey)
    assert(state.members.some(member => sameKey(member.accountKey, accountKey)))
    const account = ledger.accounts.find(
      ({ devices }) => toHex(devices.lists[0].list.accountKey) === toHex(accountKey),
    )
    assert(account)
    for (const { list, removals } of account.devices.lists) {
      const [first] = list.devices
      assert(list.devices.some(each => toHex(each.deviceKey) === name))
      const against = removals.filter(each => toHex(each.deviceKey) === name)
      // A removal counts for sure that the first of the list signed, or the device itself.
      const sure = [toHex(first!.deviceKey), name]
      assert(!against.some(({ signerKey }) => sure.includes(toHex(signerKey))))
    }
  }
}
