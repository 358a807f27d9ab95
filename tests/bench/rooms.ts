import { setTimeout as delay } from 'node:timers/promises'
import type { LoadApi } from './load-worker.js'
import { percentile } from './measure.js'
import { type Bench, onStage, type Stage } from './parts.js'
import type { Row } from './result.js'
import type { RoomsApi } from './rooms-worker.js'
import { CIPHERTEXT_BYTES } from './throughput.js'
import { startWorker, type WorkerProcess } from './worker.js'

/** Devices in the room, its founder included. */
const SIZES = [10, 50, 100, 250]
const PROCESSES = 4
/** So many of them are connected at most: each has work for a core when somebody joins, and here they share a few. */
const CONNECTED = 50
/** Texts of one member that are timed at the last one. */
const TEXTS = 20
const TEXT_PAUSE_MS = 200
/** In larger rooms, the updates that follow joining are spread over many minutes; here over two and a half. */
const QUIET_UP_TO = 50
/** The room that is flooded beside a quiet pair. */
const FLOODED_SIZE = 250
/** Envelopes that are under way there. */
const FLOOD_WINDOW = 64
const QUIET_PER_SECOND = 50
const KIB = 1024
/** The figures that XMTP publishes: a group is created with so many members, and a message arrives at the last one. */
const XMTP = {
  createMs: new Map([
    [50, 1300],
    [250, 4300],
  ]),
  messageMs: new Map([[50, 131]]),
}
/** "Faster by a clear factor". */
const CLEAR_FACTOR = 2

interface House {
  stage: Stage
  founder: WorkerProcess<RoomsApi>
  others: WorkerProcess<RoomsApi>[]
  handles: string[]
}

const FOUNDER = 'founder'
const GUEST = 'guest'

/** Rooms of real endpoints in a few processes: on a machine of their own, members would share fewer cores. */
export async function rooms({ seconds, say }: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of SIZES) rows.push(...(await roomOf(size, say)))
  rows.push(await besideFlood({ seconds, say }))
  return rows
}

/** New endpoints for each size: those of a larger room renew their keys for minutes. */
async function roomOf(size: number, say: Bench['say']): Promise<Row[]> {
  const workers = Array.from({ length: PROCESSES }, () =>
    startWorker<RoomsApi>(new URL('./rooms-worker.js', import.meta.url)),
  )
  try {
    return await onStage('relay', async stage => {
      const [founder, ...others] = workers as [WorkerProcess<RoomsApi>, ...WorkerProcess<RoomsApi>[]]
      const handles = Array.from({ length: size - 1 }, (_, index) => `member${index}`)
      say(`a room of ${size}: ${size + 1} endpoints in ${PROCESSES} processes`)
      await founder.call('start', { server: stage.address, handles: [FOUNDER], away: [] })
      await Promise.all(
        others.map((worker, index) => {
          const isOwn = (_: string, member: number) => member % others.length === index
          return worker.call('start', {
            server: stage.address,
            handles: [...(index === 0 ? [GUEST] : []), ...handles.slice(0, CONNECTED - 1).filter(isOwn)],
            away: handles.slice(CONNECTED - 1).filter(isOwn),
          })
        }),
      )
      return await measured({ stage, founder, others, handles }, size)
    })
  } finally {
    await Promise.all(workers.map(worker => worker.stop()))
  }
}

/** When it has happened to the last of them, in ms of the shared clock. */
async function last({ founder, others }: House, handles: string[], what: string): Promise<number> {
  const times = await Promise.all(
    [founder, ...others].map(worker => worker.call('happened', { handles, what })),
  )
  return Math.max(...times)
}

const everywhere = ({ founder, others }: House, room: string, count: number) =>
  Promise.all([founder, ...others].map(worker => worker.call('members', { room, count })))

async function measured(house: House, size: number): Promise<Row[]> {
  const { stage, founder, others, handles } = house
  const room = `room${size}`
  const invited = handles.slice(0, size - 1)
  const row = (name: string, value: number, unit: string, more: Partial<Row> = {}): Row => ({
    name: `room of ${size}${size > CONNECTED ? `, ${CONNECTED} connected` : ''}: ${name}`,
    value,
    unit,
    ...more,
  })
  const before = await others[0]!.call('disk', invited[0]!)
  await stage.server.call('sizes', undefined)
  const asked = await founder.call('create', { handle: FOUNDER, room, invited })
  const created = (await founder.call('members', { room, count: size })) - asked
  const allIn = (await last(house, invited, `joined #${room}`)) - asked
  await everywhere(house, room, size)
  const bulk = await stage.server.call('sizes', undefined)
  const disk = (await others[0]!.call('disk', invited[0]!)) - before
  // Everybody makes the update that follows joining, each at its own time.
  if (size <= QUIET_UP_TO) await quiet(stage)
  await stage.server.call('sizes', undefined)
  const texts = await timedTexts(house, { room: `#${room}`, invited })
  const { message } = await stage.server.call('sizes', undefined)
  // One goes before one comes: the largest room is as large as one can be.
  const [gone, rest] = [invited.at(-1)!, invited.slice(0, -1)]
  const change = (kind: 'invite' | 'remove', whom: string) =>
    founder.call('change', { handle: FOUNDER, room, kind, whom })
  const removeAsked = await change('remove', gone)
  const removed = (await last(house, rest, `${FOUNDER} removed ${gone}`)) - removeAsked
  await stage.server.call('sizes', undefined)
  const inviteAsked = await change('invite', GUEST)
  const joined = (await last(house, [GUEST], `joined #${room}`)) - inviteAsked
  const told = (await last(house, rest, `${FOUNDER} added ${GUEST}`)) - inviteAsked
  const one = await stage.server.call('sizes', undefined)
  const xmtpCreate = XMTP.createMs.get(size)
  const xmtpMessage = XMTP.messageMs.get(size)
  const p50 = percentile(texts, 0.5)
  return [
    row('created with all, at its founder', created, 'ms', beside(xmtpCreate, created)),
    row('until the last of all has joined', allIn, 'ms'),
    row('one invited and in it', joined, 'ms', { details: { toldToLast: told } }),
    row('one removed, at the last', removed, 'ms'),
    row('a text at the last, p50', p50, 'ms', {
      details: { p99: percentile(texts, 0.99) },
      ...beside(xmtpMessage, p50),
    }),
    row('disk of a member', disk / KIB, 'KiB'),
    row('commit that invites one', one.commit / KIB, 'KiB'),
    row('welcome of one', one.welcome / KIB, 'KiB'),
    row('commit that invites all', bulk.commit / KIB, 'KiB', {
      details: { welcomeKiB: bulk.welcome / KIB, commits: bulk.commits },
    }),
    row('message of 200 characters', message, 'bytes'),
  ]
}

function beside(xmtpMs: number | undefined, ours: number): Partial<Row> {
  if (xmtpMs === undefined) return {}
  return {
    raw: [{ what: 'ms XMTP', value: xmtpMs }],
    target: { what: `${CLEAR_FACTOR} times as fast as XMTP`, reached: ours * CLEAR_FACTOR <= xmtpMs },
  }
}

/** How long each text took to the last member, in ms. */
async function timedTexts(
  house: House,
  { room, invited }: { room: string; invited: string[] },
): Promise<number[]> {
  const taken: number[] = []
  for (let index = 0; index < TEXTS; index++) {
    const text = `${room} ${index}`.padEnd(TEXT_LENGTH)
    const begin = await house.founder.call('send', { handle: FOUNDER, room, text })
    taken.push((await last(house, invited, text)) - begin)
    await delay(TEXT_PAUSE_MS)
  }
  return taken
}

const TEXT_LENGTH = 200

/** The delay of a quiet pair while the server it hands a room of so many devices all that one of them can send. */
async function besideFlood({ seconds, say }: Pick<Bench, 'seconds' | 'say'>): Promise<Row> {
  say(`a room of ${FLOODED_SIZE}, flooded`)
  const quietLoad = startWorker<LoadApi>(new URL('./load-worker.js', import.meta.url))
  try {
    return await onStage('relay', async ({ address: server, load }) => {
      await quietLoad.call('connect', { server, kind: 'relay', count: 1 })
      await load.call('connectRoom', { server, devices: FLOODED_SIZE })
      const pace = { perSecond: QUIET_PER_SECOND, count: QUIET_PER_SECOND * seconds, bytes: CIPHERTEXT_BYTES }
      const alone = await quietLoad.call('pace', pace)
      const shape = { envelopes: 1, bytes: CIPHERTEXT_BYTES }
      // Somewhat longer than the pair is watched.
      const flood = load.call('flood', { shape, window: FLOOD_WINDOW, seconds: seconds + 2, warmUp: 1 })
      const beside = await quietLoad.call('pace', pace)
      const perSecond = await flood
      return {
        name: `a quiet pair while a room of ${FLOODED_SIZE} is flooded, p99`,
        value: percentile(beside, 0.99),
        unit: 'ms',
        raw: [{ what: 'ms while nothing is', value: percentile(alone, 0.99) }],
        details: {
          p50: percentile(beside, 0.5),
          envelopesPerSecond: perSecond,
          deliveries: perSecond * FLOODED_SIZE,
        },
      }
    })
  } finally {
    await quietLoad.stop()
  }
}

/** Waits until nothing has been stored for a while. */
async function quiet({ server }: Stage): Promise<void> {
  for (let before = -1, now = 0; now !== before; ) {
    before = now
    await delay(QUIET_MS)
    now = (await server.call('load', undefined)).sends
  }
}

const QUIET_MS = 15_000
