// One group as a unit of work sees it, and its MLS state, which is opened when it is used.

import type { DeviceKey, GroupNumber } from '../../ids.js'
import type { Engine, GroupState, RatchetPlace } from '../../mls/engine.js'
import { Kept } from '../../vault/records/kept.js'
import { at, type IdOf, type Reader, type RecordOf, recordOf, type Transaction } from '../../vault/records.js'
import type { GroupPhase } from './group.js'
import { atState, type Held, heldOf, keptBytes } from './held.js'
import { phaseOf } from './phase-record.js'

export type GroupRecord = RecordOf<'groups'>
/** The knowledge about another device in a group. */
export type Sender = RecordOf<'senders'>

/** Bytes of the saved states of all groups that are open at once; in memory each takes a few times as much. */
const OPEN_BYTES = 16 * 1024 * 1024
/** Leaves in a group are fewer than this, so an epoch and a leaf make one key. */
const LEAVES = 4096n

const ratchetId = (place: RatchetPlace) => (place.epoch * LEAVES + BigInt(place.leaf)) as IdOf<'ratchets'>
const ratchetPlace = (id: IdOf<'ratchets'>): RatchetPlace => ({
  epoch: id / LEAVES,
  leaf: Number(id % LEAVES),
})

/** Groups of which all that they hold is in memory at once. */
const OPEN_HELD = 1024

/** A group in one epoch. */
export interface GroupInEpoch {
  state: GroupState
  held: Held
}

/** A commit of this device on its way: the state after it, and what the group then holds; undefined: what it holds now. */
export interface PendingCommit {
  state: Uint8Array
  held: Held | undefined
}

type StatesEngine = Pick<
  Engine,
  'load' | 'save' | 'delta' | 'applyDelta' | 'epoch' | 'groupId' | 'members' | 'settings'
>

/** The groups' MLS states. The large part is written when an epoch changes, one ratchet node with each message. */
export class GroupStates {
  readonly #held = new Kept<GroupNumber, Held>({ weigh: () => 1, most: OPEN_HELD })
  readonly #open = new Kept<GroupNumber, { state: GroupState; bytes: number }>({
    weigh: ({ bytes }) => bytes,
    most: OPEN_BYTES,
  })

  constructor(private readonly engine: StatesEngine) {}

  get(reader: Reader, group: GroupNumber): GroupState {
    const open = this.#open.get(reader, group)
    if (open) return open.state
    const bytes = reader.bytes('states', at(group))
    if (!bytes) throw new RangeError(`there is no state of group ${group}`)
    let state = this.engine.load(bytes)
    for (const key of reader.keys('ratchets', { group }))
      state = this.engine.applyDelta(state, ratchetPlace(key.id), reader.bytes('ratchets', key)!)
    this.#open.note(group, { state, bytes: bytes.length })
    return state
  }

  held(reader: Reader, group: GroupNumber): Held {
    const open = this.#held.get(reader, group)
    if (open) return open
    const bytes = reader.bytes('chains', at(group))
    if (!bytes) throw new RangeError(`nothing is held of group ${group}`)
    const held = heldOf(this.engine, this.get(reader, group), bytes)
    this.#held.note(group, held)
    return held
  }

  /** All that the group holds once this state, which follows the commit on its way, takes effect. */
  heldAfter(reader: Reader, group: GroupNumber, state: GroupState): Held {
    const bytes = reader.bytes('pendingchains', at(group))
    return bytes ? heldOf(this.engine, state, bytes) : atState(this.engine, this.held(reader, group), state)
  }

  savePending(tx: Transaction, group: GroupNumber, pending: PendingCommit | undefined): void {
    if (pending) tx.putBytes('pending', at(group), pending.state)
    else tx.delete('pending', at(group))
    if (pending?.held) tx.putBytes('pendingchains', at(group), keptBytes(pending.held))
    else tx.delete('pendingchains', at(group))
  }

  /** One ratchet moved on. */
  advance(tx: Transaction, group: GroupNumber, state: GroupState, place: RatchetPlace): void {
    tx.putBytes('ratchets', { group, id: ratchetId(place) }, this.engine.delta(state, place))
    this.#open.set(tx, group, { state, bytes: this.#open.get(tx, group)?.bytes ?? 0 })
  }

  /** Another epoch: the whole state. */
  enter(tx: Transaction, group: GroupNumber, { state, held }: GroupInEpoch): void {
    const bytes = this.engine.save(state)
    const before = tx.has('chains', at(group)) ? this.held(tx, group) : undefined
    if (before?.ledger !== held.ledger || before.entries !== held.entries)
      tx.putBytes('chains', at(group), keptBytes(held))
    this.#held.set(tx, group, held)
    tx.putBytes('states', at(group), bytes)
    tx.deleteGroup('ratchets', group)
    this.#open.set(tx, group, { state, bytes: bytes.length })
  }
}

export class LiveGroup {
  constructor(
    readonly number: GroupNumber,
    readonly reader: Reader,
    private readonly states: GroupStates,
  ) {}

  get record(): GroupRecord {
    const record = this.reader.get('groups', at(this.number))
    if (!record) throw new RangeError(`there is no group ${this.number}`)
    return record
  }

  get state(): GroupState {
    return this.states.get(this.reader, this.number)
  }

  /** The chain of its conversation, and the device lists of its accounts. */
  get held(): Held {
    return this.states.held(this.reader, this.number)
  }

  /** All that it holds once this state, which follows the commit of ours on its way, takes effect. */
  heldAfter(state: GroupState): Held {
    return this.states.heldAfter(this.reader, this.number, state)
  }

  /** A commit of ours that is on its way: the state after it, as the engine saves it. */
  get pending(): Uint8Array | undefined {
    return this.reader.bytes('pending', at(this.number))
  }

  get phase(): GroupPhase {
    return phaseOf(this.record)
  }

  /** Also of a device of which nothing is known yet. */
  sender(deviceId: DeviceKey): Sender {
    const id = this.reader.numberOf('device', deviceId)
    return this.reader.get('senders', { group: this.number, id }) ?? recordOf('senders', { deviceId })
  }

  /** Those to whom a receipt is owed. */
  owed(): Sender[] {
    return this.reader
      .linked('owed', this.number)
      .flatMap(id => this.reader.get('senders', { group: this.number, id }) ?? [])
      .filter(({ owed, receipted }) => owed > receipted)
  }

  senders(): Sender[] {
    return this.reader.list('senders', { group: this.number }).map(({ record }) => record)
  }
}
