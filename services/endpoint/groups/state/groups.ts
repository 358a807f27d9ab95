// The MLS groups of this device: which there are, what carries which conversation, and how they change.

import { type AccountKey, type ConversationNumber, countOf, type GroupNumber } from '../../ids.js'
import type { Engine, GroupState, RatchetPlace } from '../../mls/engine.js'
import { at, inUnit, nextId, type Reader, type Transaction } from '../../vault/records.js'
import { putBacks } from './fresh-keys.js'
import { type GroupPhase, isIn } from './group.js'
import {
  type GroupInEpoch,
  type GroupRecord,
  type GroupStates,
  LiveGroup,
  type PendingCommit,
  type Sender,
} from './live-group.js'
import { noteMembers } from './member-links.js'
import { phaseOf, phaseRecord } from './phase-record.js'
import { type GroupEffect, type GroupInput, next } from './transitions.js'

export {
  type GroupInEpoch,
  type GroupRecord,
  GroupStates,
  LiveGroup,
  type PendingCommit,
  type Sender,
} from './live-group.js'

/** Of ts-mls, whose group states and suite numbers differ between majors. */
export const LIBRARY_MAJOR = 1
/** MLS_256_XWING_AES256GCM_SHA512_Ed25519 as that major numbers it. */
export const CIPHER_SUITE = 83

/** The epoch that the first commit of a group leads to. */
const FIRST_EPOCH = 1n
const NO_COUNT = countOf(0n)
const FIRST_COUNT = countOf(1n)

/** Nothing was seen yet. */
const NO_LOG: GroupRecord['log'] = { case: undefined }

/** Nothing of the state is older than the last time that the vault was put back from a copy. */
const ofPresent = (tx: Transaction) => ({ keysSincePutBack: putBacks(tx), logSincePutBack: putBacks(tx) })

/** The fields of a record that can be changed; its phase changes by `move` alone. */
export type GroupChange = Partial<
  Omit<GroupRecord, '$typeName' | 'conversation' | 'conversationId' | 'phase'>
>

/** Reads what is saved or what a transaction has made of that; what writes takes that very transaction. */
export class Groups {
  constructor(
    private readonly reader: Reader,
    private readonly engine: Pick<Engine, 'members'>,
    private readonly states: GroupStates,
  ) {}

  /** Every one: for what a person asks for, and what happens rarely. */
  all(): LiveGroup[] {
    return this.reader.keys('groups').map(({ id }) => this.#live(id))
  }

  get(number: GroupNumber): LiveGroup | undefined {
    return this.reader.get('groups', at(number)) && this.#live(number)
  }

  byId(conversationId: Uint8Array): LiveGroup | undefined {
    const [number] = this.reader.linked('group', conversationId)
    return number === undefined ? undefined : this.#live(number)
  }

  /**
   * Those that carry a conversation: one as a rule, more after two people have opened one at the same moment, or one went
   * on in another. Those that are not over stand first, and of these the newest.
   */
  of(conversation: ConversationNumber): LiveGroup[] {
    return this.reader
      .linked('carriers', conversation)
      .map(number => this.#live(number))
      .sort(
        (one, other) =>
          Number(one.phase.name === 'ended') - Number(other.phase.name === 'ended') ||
          other.record.incarnation - one.record.incarnation,
      )
  }

  /** All groups of the conversation with this id, which a chain or its accounts give it (GroupState.conversation_id). */
  ofChain(id: Uint8Array): LiveGroup[] {
    return this.reader.linked('chain', id).map(number => this.#live(number))
  }

  /** Those that this unit of work has led into another epoch, or that the account is in or out of by it. */
  changed(tx: Transaction): { number: GroupNumber; wasIn: boolean }[] {
    const epochs = new Set(tx.touched('states').map(({ id }) => id))
    return tx.touched('groups').flatMap(key => {
      const number = key.id
      const before = tx.saved('groups', key)
      const wasIn = before !== undefined && isIn(phaseOf(before))
      const isChanged = epochs.has(number) || wasIn !== isIn(this.#live(number).phase)
      return isChanged ? [{ number, wasIn }] : []
    })
  }

  add(
    tx: Transaction,
    { phase, ...group }: { conversation: ConversationNumber; phase: GroupPhase },
    { state, held }: GroupInEpoch,
  ): LiveGroup {
    inUnit(this.reader, tx)
    const number = nextId(tx, 'groups')
    const { epoch, groupId: conversationId, incarnation } = held
    tx.put('groups', at(number), {
      ...{ ...group, conversationId, incarnation, chainId: held.state.id },
      ...phaseRecord(phase),
      nextCount: FIRST_COUNT,
      cipherSuite: CIPHER_SUITE,
      libraryMajor: LIBRARY_MAJOR,
      log: NO_LOG,
      owedSinceEpoch: epoch <= FIRST_EPOCH ? 0n : epoch,
      joinedEpoch: epoch === 0n ? FIRST_EPOCH : epoch,
      ...ofPresent(tx),
    })
    tx.link('group', conversationId, number)
    tx.link('chain', held.state.id, number)
    tx.link('carriers', group.conversation, number)
    this.states.enter(tx, number, { state, held })
    noteMembers(this.engine, tx, number, { after: { state, held } })
    return new LiveGroup(number, tx, this.states)
  }

  /** This device is in the group again, after it was removed or had lost the state. */
  restart(tx: Transaction, group: LiveGroup, { state, held }: GroupInEpoch): void {
    inUnit(group.reader, tx)
    const lost = group.phase.name === 'out-of-sync' || group.phase.name === 'broken'
    // A removed device is not owed what was said meanwhile; one that had lost the state is, and asks for it.
    if (!lost)
      for (const sender of group.senders()) this.saveSender(tx, group, { ...sender, received: NO_COUNT })
    // Its earlier sends are counted in another series.
    tx.deleteGroup('sent', group.number)
    const joinedEpoch = held.epoch
    this.change(tx, group, {
      ...(lost ? {} : { owedSinceEpoch: joinedEpoch }),
      committedAtMs: 0n,
      nextCount: FIRST_COUNT,
      joinedEpoch,
      goneDeviceIds: [],
      rejoinRequests: [],
      brokenBy: [],
      nextAfter: new Uint8Array(),
      rejoinEpoch: undefined,
      heardEpoch: 0n,
      log: NO_LOG,
      ...ofPresent(tx),
    })
    this.savePending(tx, group, undefined)
    this.states.enter(tx, group.number, { state, held })
    noteMembers(this.engine, tx, group.number, { after: { state, held } })
    this.move(tx, group, { input: 'joined' })
  }

  change(tx: Transaction, group: LiveGroup, change: GroupChange): void {
    inUnit(group.reader, tx)
    tx.put('groups', at(group.number), { ...group.record, ...change })
  }

  /** Something has happened: the group is in the phase that this leads to. Returns what is to be done because of it. */
  move(tx: Transaction, group: LiveGroup, input: GroupInput): readonly GroupEffect[] {
    inUnit(group.reader, tx)
    const { phase, effects } = next(group.phase, input)
    tx.put('groups', at(group.number), { ...group.record, ...phaseRecord(phase) })
    return effects
  }

  /** The state after a message, which turned one ratchet. */
  advance(tx: Transaction, group: LiveGroup, state: GroupState, place: RatchetPlace): void {
    inUnit(group.reader, tx)
    this.states.advance(tx, group.number, state, place)
  }

  /** The group after a commit. */
  enter(tx: Transaction, group: LiveGroup, after: GroupInEpoch): void {
    inUnit(group.reader, tx)
    noteMembers(this.engine, tx, group.number, { before: { state: group.state, held: group.held }, after })
    this.states.enter(tx, group.number, after)
  }

  /** The group after a commit of ours, while that is on its way. */
  savePending(tx: Transaction, group: LiveGroup, pending: PendingCommit | undefined): void {
    inUnit(group.reader, tx)
    this.states.savePending(tx, group.number, pending)
  }

  saveSender(tx: Transaction, group: LiveGroup, sender: Sender): void {
    inUnit(group.reader, tx)
    tx.put('senders', { group: group.number, id: tx.numberOf('device', sender.deviceId) }, sender)
  }

  /** The groups that this account is in; `unreconciled`: where they changed since they were last compared. */
  with(accountKey: AccountKey, which: 'all' | 'unreconciled'): GroupNumber[] {
    return this.reader.linked(which === 'all' ? 'member' : 'unreconciled', accountKey)
  }

  /** The devices of this account are in the group that should be, or not yet: then they are to be compared again. */
  noteCompared(
    tx: Transaction,
    { number, reader }: LiveGroup,
    { accountKey, isComplete }: { accountKey: AccountKey; isComplete: boolean },
  ): void {
    inUnit(reader, tx)
    if (isComplete) tx.unlink('unreconciled', accountKey, number)
    else tx.link('unreconciled', accountKey, number)
  }

  /** From here on it carries another conversation. */
  carry(tx: Transaction, { number, record, reader }: LiveGroup, conversation: ConversationNumber): void {
    inUnit(reader, tx)
    tx.unlink('carriers', record.conversation, number)
    tx.link('carriers', conversation, number)
    tx.put('groups', at(number), { ...record, conversation })
  }

  #live(number: GroupNumber): LiveGroup {
    return new LiveGroup(number, this.reader, this.states)
  }
}
