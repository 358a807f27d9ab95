// Reads the log for one device at the device's own pace. At most one batch is read ahead and at most
// Limits.unacked_deliveries are out unacked, so a device that is slow or away costs a place in the log.

import type { ChatResponse } from '../../../gen/parley/v1/chat_pb.js'
import { frameFailure } from '../auth/failure.js'
import { DELIVER_BYTES, DELIVER_ENVELOPES } from '../limits.js'
import { BadCursorError, type Cursor, type DeviceId, type Log, type ReadResult } from '../store/store.js'
import { caughtUpFrame, deliverFrame } from './frames.js'

export interface DeliveryOptions {
  log: Pick<Log, 'read' | 'watch' | 'acknowledge'>
  device: DeviceId
  /** Where the device saved that it stands. */
  cursor: Cursor
  /** Limits.unacked_deliveries. */
  window: number
  onReady: () => void
  onFailure: (error: unknown) => void
}

export interface Delivery {
  /** The next Deliver or CaughtUp; undefined: nothing now, onReady tells when to ask again. */
  next(): ChatResponse | undefined
  /** The device saved everything up to the cursor. */
  acked(cursor: Cursor): void
  /**
   * Something in the log has to be delivered before something else is told. Returns a mark that is passed
   * when all that is in the log now was handed out. Until then the window does not hold delivery back:
   * what waits behind the mark must not wait for an ack.
   */
  mark(): number
  passed(mark: number): boolean
  stop(): void
}

interface State {
  position: Cursor
  /** The batch that is read ahead, and the number of its read. */
  ahead: { result: ReadResult; number: number } | undefined
  reading: boolean
  /** There may be more to read. */
  stale: boolean
  /** Reads that were begun, the last one that found the end of the log, and the one to be passed. */
  begun: number
  sawEnd: number
  wanted: number
  unacked: Cursor[]
  caughtUp: 'no' | 'due' | 'told'
  stopped: boolean
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const state = startAt(options.cursor)
  const refresh = () => {
    state.stale = true
    readAhead(state, options)
  }
  const acknowledge = createAcknowledger(options)
  const unwatch = options.log.watch(options.device, refresh)
  // What the device saved before it came is as good as an ack that was lost.
  if (options.cursor.length > 0) acknowledge(options.cursor)
  readAhead(state, options)
  return {
    next: () => nextFrame(state, options),
    acked(cursor) {
      const held = holdsBack(state, options)
      const place = state.unacked.findIndex(unacked => Buffer.compare(unacked, cursor) === 0)
      state.unacked.splice(0, place + 1)
      acknowledge(cursor)
      if (held) readAhead(state, options)
      if (held) options.onReady()
    },
    mark() {
      state.wanted = state.begun + 1
      const mark = state.wanted
      refresh()
      return mark
    },
    passed: mark => state.sawEnd >= mark,
    stop() {
      state.stopped = true
      unwatch()
    },
  }
}

function startAt(position: Cursor): State {
  return {
    position,
    ahead: undefined,
    reading: false,
    stale: true,
    begun: 0,
    sawEnd: 0,
    wanted: 0,
    unacked: [],
    caughtUp: 'no',
    stopped: false,
  }
}

function holdsBack(state: State, { window }: DeliveryOptions): boolean {
  return state.unacked.length >= window && state.sawEnd >= state.wanted
}

function readAhead(state: State, options: DeliveryOptions): void {
  if (state.reading || state.ahead || !state.stale || state.stopped || holdsBack(state, options)) return
  state.reading = true
  state.stale = false
  state.begun += 1
  const request = {
    device: options.device,
    after: state.position,
    maxEnvelopes: DELIVER_ENVELOPES,
    maxBytes: DELIVER_BYTES,
  }
  options.log.read(request).then(result => {
    state.reading = false
    state.ahead = { result, number: state.begun }
    options.onReady()
  }, failWith(options))
}

function nextFrame(state: State, options: DeliveryOptions): ChatResponse | undefined {
  if (state.caughtUp === 'due') {
    state.caughtUp = 'told'
    return caughtUpFrame()
  }
  if (state.ahead === undefined || holdsBack(state, options)) return undefined
  const { result, number } = state.ahead
  state.ahead = undefined
  state.position = result.cursor
  if (result.more) state.stale = true
  else state.sawEnd = number
  if (!result.more && state.caughtUp === 'no') state.caughtUp = 'due'
  readAhead(state, options)
  if (result.envelopes.length === 0) return nextFrame(state, options)
  remember(state, options, result.cursor)
  return deliverFrame(result.envelopes, result.cursor)
}

/** Beyond the window (see Delivery.mark) the last two frames are remembered as one, which keeps it bounded. */
function remember(state: State, { window }: DeliveryOptions, cursor: Cursor): void {
  if (state.unacked.length >= window) state.unacked.pop()
  state.unacked.push(cursor)
}

/** Passes acks on one at a time; of those that come meanwhile only the last one counts. */
function createAcknowledger(options: DeliveryOptions): (cursor: Cursor) => void {
  let latest: Cursor | undefined
  let busy = false
  const work = async () => {
    busy = true
    while (latest !== undefined) {
      const cursor = latest
      latest = undefined
      await options.log.acknowledge(options.device, cursor)
    }
    busy = false
  }
  return cursor => {
    latest = cursor
    if (!busy) work().catch(failWith(options))
  }
}

/** A cursor that is none is the client's fault; anything else is a defect. */
function failWith({ onFailure }: DeliveryOptions): (error: unknown) => void {
  return error =>
    onFailure(
      error instanceof BadCursorError ? frameFailure('a cursor that this server did not give') : error,
    )
}
