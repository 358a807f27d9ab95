// The MLS groups of this device: their records, and their states, of which the large part is written when an
// epoch changes and one ratchet node when a message is sealed or opened.

import { create } from '@bufbuild/protobuf'
import {
  type Group,
  GroupSchema,
  GroupStatus,
  type Sender,
  SenderSchema,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { Engine, GroupState, RatchetPlace } from '../mls/engine.js'
import { at, type Batch, type Reader } from '../vault/records.js'

/** Of ts-mls, whose group states and suite numbers differ between majors. */
export const LIBRARY_MAJOR = 1
/** MLS_256_XWING_AES256GCM_SHA512_Ed25519 as that major numbers it. */
export const CIPHER_SUITE = 83

const STATE = 0n
const PENDING = 1n
/** The epoch that the first commit of a group leads to. */
const FIRST_EPOCH = 1n
/** Leaves in a group are fewer than this, so an epoch and a leaf make one key. */
const LEAVES = 4096n

export interface LiveGroup {
  number: bigint
  record: Group
  state: GroupState
  /** A commit of ours that is on its way: the state after it. */
  pending: Uint8Array | undefined
  /** The other devices that were heard of in it, by their ids in hex. */
  senders: Map<string, KnownSender>
}

export interface KnownSender {
  id: bigint
  sender: Sender
}

export interface Groups {
  all(): LiveGroup[]
  get(number: bigint): LiveGroup | undefined
  byId(conversationId: Uint8Array): LiveGroup | undefined
  add(
    batch: Batch,
    group: { conversationId: Uint8Array; conversation: bigint; status: GroupStatus },
    state: GroupState,
  ): LiveGroup
  /** This device is in the group again, after it was removed or had lost the state. */
  restart(batch: Batch, group: LiveGroup, state: GroupState): LiveGroup
  /** The record changed. */
  save(batch: Batch, group: LiveGroup): void
  /** What is known of a device; to be saved once it is changed. */
  sender(group: LiveGroup, deviceId: Uint8Array): KnownSender
  saveSender(batch: Batch, group: LiveGroup, known: KnownSender): void
  /** One ratchet moved on. */
  saveRatchet(batch: Batch, group: LiveGroup, place: RatchetPlace): void
  /** A new epoch: the whole state. */
  saveEpoch(batch: Batch, group: LiveGroup): void
  savePending(batch: Batch, group: LiveGroup, pending: Uint8Array | undefined): void
  /** What is in memory may not be what is saved: read it again. */
  reload(): void
}

const idOf = (conversationId: Uint8Array) => Buffer.from(conversationId).toString('hex')

const ratchetId = (place: RatchetPlace) => place.epoch * LEAVES + BigInt(place.leaf)
const ratchetPlace = (id: bigint): RatchetPlace => ({ epoch: id / LEAVES, leaf: Number(id % LEAVES) })

export function openGroups(records: Reader, engine: Engine): Groups {
  const live = new Map<bigint, LiveGroup>()
  const numbers = new Map<string, bigint>()

  const load = (number: bigint, record: Group): LiveGroup | undefined => {
    const bytes = records.bytes('states', { group: number, id: STATE })
    if (!bytes) return undefined
    let state = engine.load(bytes)
    for (const { key, value } of records.listBytes('ratchets', { group: number }))
      state = engine.applyDelta(state, ratchetPlace(key.id), value)
    const senders = records
      .list('senders', { group: number })
      .map(({ key, record }) => [idOf(record.deviceId), { id: key.id, sender: record }] as const)
    const pending = records.bytes('states', { group: number, id: PENDING })
    return { number, record, state, pending, senders: new Map(senders) }
  }
  const reload = () => {
    live.clear()
    numbers.clear()
    for (const { key, record } of records.list('groups')) {
      const group = load(key.id, record)
      if (!group) continue
      live.set(key.id, group)
      numbers.set(idOf(record.conversationId), key.id)
    }
  }
  reload()

  const saveEpoch = (batch: Batch, group: LiveGroup) => {
    batch.putBytes('states', { group: group.number, id: STATE }, engine.save(group.state))
    batch.deleteGroup('ratchets', group.number)
  }
  const save = (batch: Batch, group: LiveGroup) => batch.put('groups', at(group.number), group.record)
  return {
    all: () => [...live.values()],
    get: number => live.get(number),
    byId: conversationId => live.get(numbers.get(idOf(conversationId)) ?? -1n),
    add(batch, { conversationId, conversation, status }, state) {
      let number = 1n
      for (const taken of live.keys()) if (taken >= number) number = taken + 1n
      const record = create(GroupSchema, {
        conversationId,
        conversation,
        status,
        nextCount: 1n,
        cipherSuite: CIPHER_SUITE,
        libraryMajor: LIBRARY_MAJOR,
        fromStart: engine.epoch(state) <= FIRST_EPOCH,
        logBegins: true,
        joinedEpoch: engine.epoch(state) === 0n ? FIRST_EPOCH : engine.epoch(state),
      })
      const group: LiveGroup = { number, record, state, pending: undefined, senders: new Map() }
      live.set(number, group)
      numbers.set(idOf(conversationId), number)
      save(batch, group)
      saveEpoch(batch, group)
      return group
    },
    restart(batch, group, state) {
      const { record } = group
      // Who was removed is not owed what was said meanwhile; who had lost the state is, and asks for it.
      if (!record.lost) {
        for (const known of group.senders.values()) {
          known.sender.received = 0n
          batch.put('senders', { group: group.number, id: known.id }, known.sender)
        }
        record.fromStart = false
      }
      // What this device sent before is counted in another series.
      batch.deleteGroup('sent', group.number)
      Object.assign(record, {
        status: GroupStatus.ACTIVE,
        committedAtMs: 0n,
        nextCount: 1n,
        joinedEpoch: engine.epoch(state),
        leavingDeviceIds: [],
        rejoiningDeviceIds: [],
        logPlaces: [],
        logBegins: true,
        logBroken: false,
        left: record.leaveDue,
        lost: false,
      })
      group.state = state
      group.pending = undefined
      batch.delete('states', { group: group.number, id: PENDING })
      saveEpoch(batch, group)
      save(batch, group)
      return group
    },
    save,
    sender({ senders }, deviceId) {
      const known = senders.get(idOf(deviceId))
      if (known) return known
      // Not by their number: those of whom nothing was saved are gone after a restart.
      let id = 1n
      for (const taken of senders.values()) if (taken.id >= id) id = taken.id + 1n
      const made = { id, sender: create(SenderSchema, { deviceId }) }
      senders.set(idOf(deviceId), made)
      return made
    },
    saveSender: (batch, group, { id, sender }) => batch.put('senders', { group: group.number, id }, sender),
    saveRatchet(batch, group, place) {
      batch.putBytes(
        'ratchets',
        { group: group.number, id: ratchetId(place) },
        engine.delta(group.state, place),
      )
    },
    saveEpoch,
    savePending(batch, group, pending) {
      group.pending = pending
      const key = { group: group.number, id: PENDING }
      if (pending) batch.putBytes('states', key, pending)
      else batch.delete('states', key)
    },
    reload,
  }
}
