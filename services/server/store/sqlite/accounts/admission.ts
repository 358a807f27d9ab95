import type { DatabaseSync } from 'node:sqlite'
import type { Admission, Ban, BanSubject } from '../../store.js'
import { prepare } from '../database.js'
import type { State } from '../state.js'
import type { Writer } from '../writer.js'

/** About what one row writes. */
const ROW_BYTES = 128

interface BanRow {
  handle: string | null
  device_id: Uint8Array | null
  banned_at: number
}

export function createAdmission(options: {
  db: DatabaseSync
  state: State
  now: () => number
  writer: Writer
}): Admission {
  const { db, writer, now } = options
  const forgetInvites = prepare(db, 'DELETE FROM invites WHERE until <= ?')
  const insertInvite = prepare(db, 'INSERT INTO invites VALUES (?, ?)')
  const insertBan = prepare(
    db,
    'INSERT INTO bans (handle, device_id, banned_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const deleteBan = prepare(db, 'DELETE FROM bans WHERE handle = ? OR device_id = ?')
  const selectBans = prepare<BanRow>(db, 'SELECT handle, device_id, banned_at FROM bans ORDER BY key')
  const forget = createForgetter(db, options.state)
  const write = <T>(work: () => T) => writer.run({ bytes: ROW_BYTES, work })

  return {
    addInvite: (hash, until) =>
      write(() => {
        forgetInvites.run(now())
        insertInvite.run(hash, until)
      }),
    ban: subject =>
      write(() => {
        insertBan.run(...columnsOf(subject), now())
        forget(subject)
      }),
    unban: subject =>
      write(() => {
        forget(subject)
        return Number(deleteBan.run(...columnsOf(subject)).changes) === 1
      }),
    bans: async () => selectBans.all().map(banOf),
  }
}

/** What is kept in memory of the devices that a ban is about is not true any more. */
function createForgetter(db: DatabaseSync, state: State): (subject: BanSubject) => void {
  const selectDevices = prepare<{ id: Uint8Array }>(
    db,
    'SELECT id FROM devices JOIN accounts ON accounts.key = account WHERE handle = ?',
  )
  return subject => {
    const ids =
      'handle' in subject ? selectDevices.all(subject.handle).map(row => row.id) : [subject.deviceId]
    for (const id of ids) state.forgetDevice(id)
  }
}

/** Handle and device id, one of them null. */
function columnsOf(subject: BanSubject): [string | null, Uint8Array | null] {
  return 'handle' in subject ? [subject.handle, null] : [null, subject.deviceId]
}

function banOf({ handle, device_id: deviceId, banned_at: bannedAt }: BanRow): Ban {
  if (handle !== null) return { handle, bannedAt }
  if (deviceId !== null) return { deviceId, bannedAt }
  throw new Error('a ban names nobody')
}
