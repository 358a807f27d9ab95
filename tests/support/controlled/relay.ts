// The relay of a server's process as a test starts and asks it: it has the limits that the test gives, and its log is kept.

import { Writable } from 'node:stream'
import { pino } from 'pino'
import { type Relay, type RelayOptions, startRelay as start } from '../../../services/server/relay.js'
import { openSqliteStore } from '../../../services/server/store/sqlite/store.js'
import { answerCalls, givenHere, post } from './answers.js'
import { type GivenToServer, NOTED, type Noted, type ServerSeen } from './messages.js'

export * from '../../../services/server/relay.js'

export async function startRelay(options: RelayOptions): Promise<Relay> {
  const given = givenHere<GivenToServer>()
  const noted: Noted = { defects: [], warnings: [] }
  await options.store.close()
  const { folder } = options
  const store = await openSqliteStore({ folder, ...given.store })
  const { limits } = given.store
  const relay = await start({
    ...options,
    ...given.relay,
    ...(limits && { limits }),
    store,
    log: keeping(noted),
  })
  answerCalls(relay, { [NOTED]: () => noted })
  const { certificate, directoryKey, fingerprint, port, serverId } = relay
  const seen: ServerSeen = { certificate, directoryKey, fingerprint, port, serverId }
  post({ kind: 'event', event: seen })
  post({ kind: 'ready' })
  return relay
}

/** A log that keeps what a test looks at. */
function keeping(noted: Noted): RelayOptions['log'] {
  const stream = new Writable({
    write(line: Buffer, _, written) {
      const entry: Record<string, unknown> & { level: number } = JSON.parse(line.toString())
      if (entry.level >= pino.levels.values.error!) noted.defects.push(entry)
      else noted.warnings.push(entry)
      written()
    },
  })
  return pino({ level: 'warn' }, stream)
}
