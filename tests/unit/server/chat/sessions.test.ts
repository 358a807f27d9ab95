import { create } from '@bufbuild/protobuf'
import { expect, test } from '@jest/globals'
import { EnvelopeSchema } from '../../../../gen/parley/v1/chat_pb.js'
import { Session } from '../../../../services/server/chat/session.js'
import { Sessions } from '../../../../services/server/chat/sessions.js'
import { TokenBucket } from '../../../../services/server/guard/token-bucket.js'
import { LIMITS } from '../../../../services/server/limits.js'
import { Cursors } from '../../../../services/server/store/cursor.js'
import { bytesOf } from '../../../support/store-world.js'
import { noGuard, quietLog } from './quiet-log.js'

let nowMs = 0
const newBucket = () => new TokenBucket({ perSecond: 1, burst: 2, now: () => nowMs })

function sessionOf(sessions: Sessions, name: string): Session {
  const device = bytesOf(name)
  return new Session({
    ...{ log: quietLog(), device, place: 0, limits: LIMITS },
    cursors: new Cursors(new Uint8Array(32), device),
    timing: { pingIntervalMs: 5_000, deadAfterMs: 12_000 },
    bucket: sessions.bucket(device),
    guard: noGuard,
    passEphemeral: async () => {},
    onFailed: () => {},
  })
}

async function entered(sessions: Sessions, name: string): Promise<Session> {
  const session = sessionOf(sessions, name)
  await sessions.enter(session)
  return session
}

/** The frames that are owed now, but for what is said of the log. */
function frames(session: Session): string[] {
  const kinds: string[] = []
  for (let next = session.next(); next; next = session.next()) kinds.push(`${next.frame.case}`)
  return kinds.filter(kind => kind !== 'caughtUp')
}

test('a newer session takes the older one’s place, which it does not lose when the older one leaves', async () => {
  const sessions = new Sessions({ limit: 5, newBucket })
  const older = await entered(sessions, 'a')
  const newer = await entered(sessions, 'a')
  expect(frames(older)).toEqual(['closing'])
  sessions.leave(older)
  expect(sessions.size()).toBe(1)
  sessions.close(newer.device, 'banned')
  expect(frames(newer)).toEqual(['closing'])
})

test('there are no more than the limit, but a device may renew its own', async () => {
  const sessions = new Sessions({ limit: 1, newBucket })
  await entered(sessions, 'a')
  await expect(entered(sessions, 'b')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' })
  await entered(sessions, 'a')
  expect(sessions.size()).toBe(1)
})

test('what a device may send goes on from session to session, and begins anew only when it is all there again', async () => {
  const sessions = new Sessions({ limit: 5, newBucket })
  const first = await entered(sessions, 'a')
  expect(first.bucket.take(2)).toBe(2)
  sessions.leave(first)
  sessions.sweep(Date.now(), 0)
  expect(sessions.bucket(first.device).take(1)).toBe(0)
  nowMs += 2_000
  sessions.sweep(Date.now(), 0)
  expect(sessions.bucket(first.device)).not.toBe(first.bucket)
})

test('hints go to the devices whose sessions are here, and to no others', async () => {
  const sessions = new Sessions({ limit: 5, newBucket })
  const [one, other] = [await entered(sessions, 'a'), await entered(sessions, 'b')]
  const devices = [one.device, bytesOf('elsewhere')]
  sessions.addEphemeral(devices, create(EnvelopeSchema))
  sessions.addChangedAccount(devices, 'anna')
  expect(frames(one)).toEqual(['accountChanged', 'deliver'])
  expect(frames(other)).toEqual([])
})

test('after a stop all are closed, and none comes in', async () => {
  const sessions = new Sessions({ limit: 5, newBucket })
  const both = [await entered(sessions, 'a'), await entered(sessions, 'b')]
  await sessions.stop()
  for (const session of both) expect(frames(session)).toEqual(['closing'])
  await expect(entered(sessions, 'c')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
})
