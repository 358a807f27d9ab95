// The devices that wait for new envelopes, and what each of them has still to read.

import type { ConversationFacts } from '../../facts.js'
import { Wakes } from '../../wakes.js'
import type { Appended } from './append.js'
import type { Unread } from './unread.js'

/** How far a device that is watched has read. */
interface Reader {
  /** All that is unread after `position`; undefined until the device reads. */
  unread: Unread | undefined
  position: number
}

export class Watchers {
  readonly #wakes = new Wakes()
  /** Of the devices that are watched, by their keys. */
  readonly #readers = new Map<number, Reader>()

  reader(device: number): Reader | undefined {
    return this.#readers.get(device)
  }

  watch(device: number, wake: () => void): () => void {
    const stop = this.#wakes.add(device, wake)
    if (!this.#readers.has(device)) this.#readers.set(device, { unread: undefined, position: 0 })
    return () => {
      stop()
      if (!this.#wakes.has(device)) this.#readers.delete(device)
    }
  }

  /** Notes what a transaction has appended, and wakes those who may read it. */
  notify(appended: readonly Appended[]): void {
    if (this.#readers.size === 0) return
    const woken = new Set<number>()
    for (const [conversation, news] of newsOf(appended)) this.#tell(conversation, news, woken)
    this.#wakes.wake(woken)
  }

  #tell(conversation: number, { first, devices }: News, woken: Set<number>): void {
    for (const device of devices) {
      const reader = this.#readers.get(device)
      if (!reader) continue
      if (reader.unread && !reader.unread.has(conversation)) reader.unread.set(conversation, first)
      woken.add(device)
    }
  }
}

/** The news that one transaction has brought to a conversation. */
interface News {
  /** The sequence of its first record. */
  first: number
  devices: Set<number>
}

function newsOf(appended: readonly Appended[]): Map<number, News> {
  const byConversation = new Map<number, News & { seen: ConversationFacts | undefined }>()
  for (const { conversation, record, removed } of appended) {
    const { key } = conversation
    const news = byConversation.get(key) ?? { first: record.sequence, devices: new Set(), seen: undefined }
    byConversation.set(key, news)
    // Most records leave the roster as it is.
    if (news.seen !== conversation) for (const device of conversation.members.keys()) news.devices.add(device)
    for (const device of removed) news.devices.add(device)
    news.seen = conversation
  }
  return byConversation
}
