import type { Log, Store } from '../../services/server/store/store.js'

/** The store with some operations of its log in place of its own. */
export function withLog(store: Store, changes: Partial<Log>): Store {
  const { log } = store
  return {
    serverId: store.serverId,
    directoryKey: store.directoryKey,
    directory: store.directory,
    keyPackages: store.keyPackages,
    admission: store.admission,
    log: {
      append: (device, sends) => log.append(device, sends),
      clientSequence: device => log.clientSequence(device),
      read: request => log.read(request),
      acknowledge: (device, place) => log.acknowledge(device, place),
      roster: conversationId => log.roster(conversationId),
      conversations: device => log.conversations(device),
      watch: (device, wake) => log.watch(device, wake),
      expire: storedBefore => log.expire(storedBefore),
      ...changes,
    },
    cursorKey: store.cursorKey,
    close: () => store.close(),
  }
}
