// What a person sees as conversations, and their histories.

import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type Message,
  MessageKind,
  MessageSchema,
  MessageStatus,
} from '../../../gen/parley/vault/v1/records_pb.js'
import type { HistoryEntry, MessageId, MessageState } from '../events.js'
import { at, type Batch, type Records } from '../records.js'

export interface Conversations {
  all(): { number: bigint; peer: string }[]
  peer(number: bigint): string
  withPeer(handle: string): bigint | undefined
  /** The conversation with this handle, made now if there is none. */
  open(batch: Batch, handle: string): bigint
  append(batch: Batch, conversation: bigint, message: MessageInitShape<typeof MessageSchema>): HistoryEntry
  /** Changes a message's status, and its place in the server's order where it is given one. */
  update(
    batch: Batch,
    id: MessageId,
    change: { status: MessageStatus; sequence?: bigint; failure?: string },
  ): void
  message(id: MessageId): Message | undefined
  /** In the order of arrival; the last `limit` where that is given. */
  history(conversation: bigint, limit?: number): HistoryEntry[]
  reload(): void
}

const STATES: Record<MessageStatus, MessageState> = {
  [MessageStatus.UNSPECIFIED]: 'received',
  [MessageStatus.WAITING]: 'waiting',
  [MessageStatus.STORED]: 'stored',
  [MessageStatus.DELIVERED]: 'delivered',
  [MessageStatus.FAILED]: 'failed',
  [MessageStatus.RECEIVED]: 'received',
}
const KINDS = {
  [MessageKind.UNSPECIFIED]: 'text',
  [MessageKind.TEXT]: 'text',
  [MessageKind.UNREADABLE]: 'unreadable',
  [MessageKind.GAP]: 'gap',
} as const

export function openConversations(records: Records): Conversations {
  const peers = new Map<bigint, string>()
  let nextMessage = 1n
  const reload = () => {
    peers.clear()
    for (const { key, record } of records.list('conversations')) {
      peers.set(key.id, record.peerHandle)
      const last = records.list('messages', { group: key.id, reverse: true, limit: 1 })[0]
      if (last && last.key.id >= nextMessage) nextMessage = last.key.id + 1n
    }
  }
  reload()

  const peer = (number: bigint) => peers.get(number) ?? '?'
  const withPeer = (handle: string) => [...peers].find(([, name]) => name === handle)?.[0]
  const entry = (id: MessageId, message: Message): HistoryEntry => ({
    id,
    kind: KINDS[message.kind],
    peer: peer(id.conversation),
    from: message.fromHandle,
    own: message.own,
    text: message.failure && message.kind !== MessageKind.TEXT ? message.failure : message.text,
    sentAt: new Date(Number(message.sentAtMs)),
    state: STATES[message.status],
    sequence: message.sequence,
    ...(message.remedy ? { remedy: message.remedy } : {}),
  })
  const keyOf = (id: MessageId) => ({ group: id.conversation, id: id.message })
  const message = (id: MessageId) => records.get('messages', keyOf(id))

  return {
    all: () => [...peers].map(([number, name]) => ({ number, peer: name })),
    peer,
    withPeer,
    open(batch, handle) {
      const known = withPeer(handle)
      if (known !== undefined) return known
      const number = [...peers.keys()].reduce((top, taken) => (taken > top ? taken : top), 0n) + 1n
      peers.set(number, handle)
      batch.put('conversations', at(number), { peerHandle: handle, createdAtMs: BigInt(Date.now()) })
      batch.tell({ type: 'conversation', peer: handle, conversation: number, state: 'opened' })
      return number
    },
    append(batch, conversation, init) {
      const id = { conversation, message: nextMessage++ }
      const made = create(MessageSchema, init)
      batch.put('messages', keyOf(id), made)
      const shown = entry(id, made)
      batch.tell({ type: 'message', entry: shown })
      return shown
    },
    update(batch, id, change) {
      const known = batch.get('messages', keyOf(id))
      if (!known) return
      // A receipt may overtake the echo: a message never goes back from delivered to stored.
      const advanced = known.status !== MessageStatus.DELIVERED && known.status !== change.status
      if (advanced) known.status = change.status
      if (change.sequence !== undefined) known.sequence = change.sequence
      if (change.failure !== undefined) known.failure = change.failure
      batch.put('messages', keyOf(id), known)
      if (!advanced) return
      const cause = change.failure
      const state = STATES[known.status]
      batch.tell({
        type: 'state',
        id,
        peer: peer(id.conversation),
        state,
        sequence: known.sequence,
        ...(cause ? { cause } : {}),
      })
    },
    message,
    history(conversation, limit) {
      const range =
        limit === undefined ? { group: conversation } : { group: conversation, reverse: true, limit }
      const listed = records
        .list('messages', range)
        .map(({ key, record }) => entry({ conversation, message: key.id }, record))
      return limit === undefined ? listed : listed.reverse()
    },
    reload,
  }
}
