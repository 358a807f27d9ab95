// Carries out the roster changes of accepted commits.

import type { DatabaseSync } from 'node:sqlite'
import type { CommitBundle } from '../../../../gen/parley/v1/chat_pb.js'
import { prepare } from './database.js'
import { addSpan, type ConversationState, type DeviceState, type State } from './state.js'

export interface AcceptedCommit {
  conversation: ConversationState
  sender: DeviceState
  bundle: CommitBundle
  /** Of the commit's record. */
  sequence: number
}

export interface RosterWriter {
  /** Makes a conversation that has no member yet. */
  create(id: Uint8Array): ConversationState
  /** Changes epoch and roster; returns the keys of the devices that were removed. */
  apply(commit: AcceptedCommit): number[]
}

export function createRosterWriter(db: DatabaseSync, state: State): RosterWriter {
  const insertConversation = prepare(
    db,
    'INSERT INTO conversations (id, epoch, last_commit) VALUES (?, 0, 0)',
  )
  const setEpoch = prepare(
    db,
    'UPDATE conversations SET epoch = ?, last_commit = ?, shared_epoch = ? WHERE key = ?',
  )
  const join = prepare(db, 'INSERT INTO roster (conversation, device, joined_sequence) VALUES (?, ?, ?)')
  const leave = prepare(
    db,
    'UPDATE roster SET left_sequence = ? WHERE conversation = ? AND device = ? AND left_sequence IS NULL',
  )
  const countConversations = prepare(db, 'UPDATE progress SET conversations = ? WHERE device = ?')

  function add(conversation: ConversationState, device: DeviceState, sequence: number): void {
    join.run(conversation.key, device.key, sequence)
    addSpan(conversation, device.key, { joined: sequence, left: undefined })
    conversation.members.set(device.key, device.id)
    device.conversations += 1
    countConversations.run(device.conversations, device.key)
  }

  function remove(conversation: ConversationState, device: DeviceState, sequence: number): void {
    leave.run(sequence, conversation.key, device.key)
    const span = conversation.spans.get(device.key)?.at(-1)
    if (span) span.left = sequence
    conversation.members.delete(device.key)
    device.conversations -= 1
    countConversations.run(device.conversations, device.key)
  }

  function devicesOf(ids: readonly Uint8Array[] | undefined): DeviceState[] {
    return (ids ?? []).map(id => {
      const device = state.device(id)
      if (!device) throw new Error('a roster change that was accepted names an unknown device')
      return device
    })
  }

  return {
    create: id => ({
      key: Number(insertConversation.run(id).lastInsertRowid),
      id: id.slice(),
      epoch: 0,
      lastCommit: 0,
      sharedEpoch: 0,
      expiredThrough: 0,
      members: new Map(),
      spans: new Map(),
    }),
    apply: ({ conversation, sender, bundle, sequence }) => {
      const removed = devicesOf(bundle.rosterChange?.removedDeviceIds)
      for (const device of removed) remove(conversation, device, sequence)
      if (bundle.creates) add(conversation, sender, sequence)
      const added = devicesOf(bundle.rosterChange?.addedDeviceIds)
      for (const device of added) add(conversation, device, sequence)
      conversation.epoch += 1
      conversation.lastCommit = sequence
      if (added.length > 0) conversation.sharedEpoch = conversation.epoch
      setEpoch.run(conversation.epoch, sequence, conversation.sharedEpoch, conversation.key)
      state.keep(conversation)
      return removed.map(device => device.key)
    },
  }
}
