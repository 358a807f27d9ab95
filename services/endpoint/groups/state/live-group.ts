// One group as a unit of work sees it, and its MLS state, which is opened when it is used.

import type { DeviceKey, GroupNumber } from '../../ids.js'
import type { Engine, GroupState, RatchetPlace } from '../../mls/engine.js'
import { Kept } from '../../vault/records/kept.js'
import { at, type IdOf, type Reader, type RecordOf, recordOf, type Transaction } from '../../vault/records.js'
import type { GroupPhase } from './group.js'
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

/** The groups' MLS states. The large part is written when an epoch changes, one ratchet node with each message. */
export class GroupStates {
  readonly #open = new Kept<GroupNumber, { state: GroupState; bytes: number }>({
    weigh: ({ bytes }) => bytes,
    most: OPEN_BYTES,
  })

  constructor(private readonly engine: Pick<Engine, 'load' | 'save' | 'delta' | 'applyDelta'>) {}

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

  /** One ratchet moved on. */
  advance(tx: Transaction, group: GroupNumber, state: GroupState, place: RatchetPlace): void {
    tx.putBytes('ratchets', { group, id: ratchetId(place) }, this.engine.delta(state, place))
    this.#open.set(tx, group, { state, bytes: this.#open.get(tx, group)?.bytes ?? 0 })
  }

  /** Another epoch: the whole state. */
  enter(tx: Transaction, group: GroupNumber, state: GroupState): void {
    const bytes = this.engine.save(state)
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

  /** A commit of ours that is on its way: the state after it. */
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
