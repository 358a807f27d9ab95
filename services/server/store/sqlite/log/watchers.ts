// Who waits for new envelopes, and what each of them has still to read.

import type { Appended } from './append.js'
import type { Unread } from './unread.js'

/** A device that is watched. */
export interface Watched {
  wakes: Set<() => void>
  /** What is unread after `position`; undefined until the device reads. */
  unread: Unread | undefined
  position: number
}

export interface Watchers {
  get(device: number): Watched | undefined
  watch(device: number, wake: () => void): () => void
  /** Notes what a transaction has appended, and wakes those who may read it. */
  notify(appended: readonly Appended[]): void
}

/** What one transaction has brought to a conversation. */
interface News {
  first: number
  devices: Set<number>
}

export function createWatchers(): Watchers {
  const watched = new Map<number, Watched>()

  function tell(conversation: number, news: News, woken: Set<Watched>): void {
    for (const device of news.devices) {
      const watcher = watched.get(device)
      if (!watcher) continue
      if (watcher.unread && !watcher.unread.has(conversation)) watcher.unread.set(conversation, news.first)
      woken.add(watcher)
    }
  }

  return {
    get: device => watched.get(device),
    watch: (device, wake) => {
      const watcher = watched.get(device) ?? { wakes: new Set(), unread: undefined, position: 0 }
      watched.set(device, watcher)
      // Of its own, so that the same function may be given twice.
      const entry = () => wake()
      watcher.wakes.add(entry)
      return () => {
        watcher.wakes.delete(entry)
        if (watcher.wakes.size === 0 && watched.get(device) === watcher) watched.delete(device)
      }
    },
    notify: appended => {
      if (watched.size === 0) return
      const woken = new Set<Watched>()
      for (const [conversation, news] of newsOf(appended)) tell(conversation, news, woken)
      // As tasks of their own: one that throws must not keep the others asleep.
      for (const watcher of woken) for (const wake of watcher.wakes) queueMicrotask(wake)
    },
  }
}

function newsOf(appended: readonly Appended[]): Map<number, News> {
  const byConversation = new Map<number, News>()
  for (const { conversation, record, removed } of appended) {
    const news = byConversation.get(conversation.key)
    if (news) for (const device of removed) news.devices.add(device)
    else {
      const devices = new Set([...conversation.members.keys(), ...removed])
      byConversation.set(conversation.key, { first: record.sequence, devices })
    }
  }
  return byConversation
}
