// The server under test: the relay as the server's main.ts starts it, which also counts what it stores.

import { pino } from 'pino'
import { WITHOUT_ADDRESSES } from '../../services/server/guard/guard-limits.js'
import { LIMITS } from '../../services/server/limits.js'
import { startRelay } from '../../services/server/relay.js'
import { openSqliteStore } from '../../services/server/store/sqlite/store.js'
import type { Store } from '../../services/server/store/store.js'
import { answer } from '../bench/worker.js'
import { withLog } from '../support/store-wrapper.js'

export interface Counts {
  /** Application envelopes that were stored. */
  messages: number
  commits: number
  /** Commits that another one was faster than. */
  lostRaces: number
  /** Other sends that were rejected, for whatever reason. */
  rejected: number
}

const HOST = '127.0.0.1'

const counts: Counts = { messages: 0, commits: 0, lostRaces: 0, rejected: 0 }
let stop = async () => {}

function counting(store: Store): Store {
  const append: Store['log']['append'] = async (device, sends) => {
    const outcomes = await store.log.append(device, sends)
    for (const [index, outcome] of outcomes.entries()) {
      const kind = sends[index]?.envelope.case
      if (outcome.accepted) counts[kind === 'commit' ? 'commits' : 'messages']++
      else if (outcome.reason.case === 'staleEpoch' && kind === 'commit') counts.lostRaces++
      else counts.rejected++
    }
    return outcomes
  }
  return withLog(store, { append })
}

const methods = {
  async start({ folder, port }: { folder: string; port: number }) {
    const log = pino({ level: 'error' }, pino.destination(2))
    const store = counting(await openSqliteStore({ folder, limits: LIMITS }))
    // All members are at one address.
    const guard = WITHOUT_ADDRESSES
    const relay = await startRelay({ folder, host: HOST, port, operatorHandle: '', log, store, guard })
    stop = () => relay.stop()
  },
  counts: async () => counts,
}
export type ServerApi = typeof methods

answer(methods, () => stop())
