// Between the conversations and the line: what comes in is taken in and acked, what waits is sealed and sent, and
// both are done one at a time.

import type { Deliver, Opened, Rejected } from '../../gen/parley/v1/chat_pb.js'
import type { KeyExchanged } from '../../gen/parley/v1/key_exchange_pb.js'
import { GroupStatus } from '../../gen/parley/vault/v1/records_pb.js'
import { RpcError } from '../rpc/error.js'
import type { Context, SerialQueue } from './context.js'
import { establish } from './conversation/establish.js'
import type { LiveGroup } from './conversation/groups.js'
import { isStockLow, restock } from './conversation/key-stock.js'
import type { Outbox } from './conversation/outbox.js'
import { takeIn } from './conversation/receive.js'
import { onRejected } from './conversation/rejections.js'
import { fillOutbox, type Outgoing, outgoing, waitingTexts } from './conversation/send.js'
import type { EndpointEvent, LineState } from './events.js'
import { formatAddress } from './identity/address.js'
import { formatFingerprint } from './identity/fingerprint.js'
import { type Line, type LineHandlers, openLine } from './line/line.js'
import { trustServer } from './line/server-trust.js'
import { LineStopped } from './line/stopped.js'
import type { ResponseFrame } from './line/stream.js'
import { PRESENCE_INTERVAL_MS, type Presence } from './presence.js'
import { loadServer, saveServer } from './server-record.js'
import { VaultError } from './vault/vault.js'

/** A receipt waits this long for company, in ms. */
const RECEIPT_DELAY_MS = 100
/** How often somebody who is not on the server yet is looked for, in ms. */
const LOOK_AGAIN_MS = 15_000
/** Bytes of envelopes in one Send frame (one larger envelope aside). */
const SEND_BYTES = 1024 * 1024
/** Ephemeral envelopes in one Send frame. */
const SEND_ENVELOPES = 128

export interface Courier {
  start(): void
  stop(): Promise<void>
  /** Something may be waiting to be sent. */
  nudge(): void
}

export function openCourier({
  context,
  outbox,
  queue,
  presence,
  emit,
}: {
  context: Context
  outbox: Outbox
  queue: SerialQueue
  presence: Presence
  emit(event: EndpointEvent): void
}): Courier {
  let line: Line | undefined
  let beat: NodeJS.Timeout | undefined
  /** The server has answered Open: sends may leave. */
  let live = false
  let pausedUntil = 0
  let nudged = false
  let receiptsDue = false
  /** Others are told that this device is here. */
  let caughtUp = false
  const epochOf = (group: LiveGroup) => `${group.record.status} ${context.engine.epoch(group.state)}`
  const timers = new Set<NodeJS.Timeout>()
  const looking = new Set<bigint>()
  /** Were looked for and are not on the server. */
  const absent = new Set<bigint>()
  const told = new Set<bigint>()

  const later = (ms: number, action: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      action()
    }, ms)
    timers.add(timer)
  }
  const transmit = () => {
    let frame: Outgoing[] = []
    let bytes = 0
    const flush = () => {
      if (frame.length > 0) line?.write({ case: 'send', value: { envelopes: frame } })
      frame = []
      bytes = 0
    }
    for (const queued of outbox.takeUnsent()) {
      const { what } = queued.item
      frame.push(outgoing(context, queued))
      bytes += what.case === 'content' ? what.value.ciphertext.length : (what.value?.commitBundle.length ?? 0)
      if (bytes >= SEND_BYTES) flush()
    }
    flush()
  }
  const pump = async () => {
    nudged = false
    if (!live || Date.now() < pausedUntil) return
    const receipts = receiptsDue
    receiptsDue = false
    const batch = context.records.begin()
    await fillOutbox(context, outbox, batch, { now: Date.now(), receipts })
    batch.commit()
    transmit()
    lookForPeople().catch(fatal)
  }
  const nudge = () => {
    if (nudged) return
    nudged = true
    queue.run(pump).catch(fatal)
  }
  const fatal = (error: unknown) => {
    live = false
    if (!(error instanceof VaultError)) throw error
    emit({ type: 'line', line: { state: 'stopped', reason: 'vault', cause: error.message } })
    void line?.close()
  }

  /** Opens groups for conversations that have none. */
  const lookForPeople = async () => {
    for (const { number, peer } of context.conversations.all()) {
      if (!needsGroup(context, number)) continue
      if (!looking.has(number)) {
        looking.add(number)
        absent.delete(number)
        const found = await look(number, peer).catch(ignoreDownLine)
        if (found) looking.delete(number)
        else {
          if (found === false) absent.add(number)
          later(LOOK_AGAIN_MS, () => lookAgain(number))
        }
      }
      if (absent.has(number)) tellAbsent(number, peer)
    }
  }
  const lookAgain = (conversation: bigint) => {
    looking.delete(conversation)
    nudge()
  }
  const look = async (conversation: bigint, peer: string): Promise<boolean> => {
    const { claims } = await line!.keyExchange({ claimHandles: [peer] })
    const outcome = claims[0]?.outcome
    if (outcome?.case !== 'devices') return false
    const result = await queue.run(async () => {
      if (!needsGroup(context, conversation)) return undefined
      const batch = context.records.begin()
      const established = await establish(context, outbox, batch, {
        conversation,
        claimed: outcome.value.devices,
      })
      batch.commit()
      return established
    })
    if (result?.outcome === 'no-device') return false
    nudge()
    return true
  }
  /** Once, and only to somebody who has written to them, which may be after they were looked for. */
  const tellAbsent = (conversation: bigint, peer: string) => {
    const isWaiting = waitingTexts(context).some(id => id.conversation === conversation)
    if (!isWaiting || told.has(conversation)) return
    told.add(conversation)
    emit({
      type: 'notice',
      level: 'info',
      text: `${peer} is not on this server yet: what you write waits here until they are`,
    })
  }

  /** Not kept and not repeated: it matters only now. */
  const sendNow = (envelopes: Outgoing[]) => {
    for (let from = 0; live && from < envelopes.length; from += SEND_ENVELOPES)
      line?.write({ case: 'send', value: { envelopes: envelopes.slice(from, from + SEND_ENVELOPES) } })
  }
  const announce = (what: { here: boolean; asks: boolean }) =>
    queue.run(async () => sendNow(await presence.announce(what)))

  const restockFrom = async (held: KeyExchanged) => {
    const publication = await queue.run(() => restock(context, held, Date.now()))
    if (publication) await line!.keyExchange(publication)
  }
  /** Every welcome has used a key package up. */
  const lookAtStock = async () => {
    if (isStockLow(context)) await restockFrom(await line!.keyExchange({}))
  }

  const onDeliver = async ({ envelopes, cursor }: Deliver) => {
    const batch = context.records.begin()
    const epochs = new Map(context.groups.all().map(group => [group, epochOf(group)]))
    for (const envelope of envelopes) {
      if (envelope.envelope.case === 'ephemeral')
        sendNow(await presence.take(envelope.conversationId, envelope.envelope.value))
      else await takeIn(context, outbox, batch, envelope)
    }
    if (cursor.length > 0) saveServer(batch, { cursor })
    batch.commit()
    if (cursor.length > 0) line?.write({ case: 'ack', value: { cursor } })
    if (envelopes.some(({ envelope }) => envelope.case === 'welcome'))
      lookAtStock().catch(ignoreDownLine).catch(fatal)
    const changed = context.groups.all().filter(group => epochs.get(group) !== epochOf(group))
    if (caughtUp && changed.length > 0) sendNow(await presence.announce({ here: true, asks: true }, changed))
    if (!owesReceipts(context)) return
    later(RECEIPT_DELAY_MS, () => {
      receiptsDue = true
      nudge()
    })
  }
  const onAnswer = async ({ sends }: Rejected) => {
    const batch = context.records.begin()
    let wait = 0
    for (const send of sends) wait = Math.max(wait, await onRejected(context, outbox, batch, send))
    batch.commit()
    if (wait === 0) return
    pausedUntil = Date.now() + wait
    later(wait + 1, nudge)
  }
  const onFrame = async (frame: ResponseFrame) => {
    if (frame.case === 'deliver') await queue.run(() => onDeliver(frame.value))
    else if (frame.case === 'accepted') outbox.accepted(frame.value.clientSequence)
    else if (frame.case === 'rejected') await queue.run(() => onAnswer(frame.value))
    if (frame.case === 'deliver' || frame.case === 'accepted' || frame.case === 'rejected') nudge()
  }
  const onOpened = async (opened: Opened) => {
    await queue.run(async () => {
      const batch = context.records.begin()
      outbox.restart(batch, opened.clientSequence)
      saveServer(batch, { operatorHandle: opened.operatorHandle })
      batch.tell({ type: 'operator', handle: opened.operatorHandle })
      batch.commit()
    })
    live = true
    pausedUntil = 0
    looking.clear()
    nudge()
  }

  const handlers: LineHandlers = {
    trust(seen) {
      const server = loadServer(context.records)
      if (!server) throw new LineStopped('server-changed', 'no server is known: give its address')
      const address = formatAddress(server)
      const some = (bytes: Uint8Array) => (bytes.length > 0 ? bytes : undefined)
      const decision = trustServer(seen, {
        address,
        pinned: some(server.pinnedFingerprint),
        invited: some(server.invitedFingerprint),
      })
      if (decision.pin) {
        const batch = context.records.begin()
        saveServer(batch, { pinnedFingerprint: seen.fingerprint })
        batch.tell({ type: 'server-pinned', fingerprint: formatFingerprint(seen.fingerprint), address })
        batch.commit()
      }
      return decision
    },
    account: () => context.account,
    cursor: () => loadServer(context.records)?.cursor ?? new Uint8Array(),
    keyExchanged: restockFrom,
    onOpened,
    onFrame,
    onState(state: LineState) {
      if (state.state !== 'up') {
        live = false
        presence.forget()
      } else announce({ here: true, asks: true }).catch(fatal)
      caughtUp = state.state === 'up'
      emit({ type: 'line', line: state })
    },
  }

  return {
    start() {
      const server = loadServer(context.records)
      if (!server) return
      line = openLine(server, handlers)
      line.start()
      beat = setInterval(() => {
        presence.expire(Date.now())
        announce({ here: true, asks: false }).catch(fatal)
      }, PRESENCE_INTERVAL_MS)
      beat.unref()
    },
    async stop() {
      clearInterval(beat)
      await announce({ here: false, asks: false }).catch(() => undefined)
      live = false
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      await line?.close()
      line = undefined
    },
    nudge,
  }
}

function needsGroup({ groups, contacts, conversations }: Context, conversation: bigint): boolean {
  if (contacts.isBlocked(conversations.peer(conversation))) return false
  return !groups
    .all()
    .some(({ record }) => record.conversation === conversation && record.status !== GroupStatus.ENDED)
}

const owesReceipts = ({ groups }: Context) =>
  groups.all().some(({ record }) => record.senders.some(({ owed, receipted }) => owed > receipted))

/** What failed because the line went down is tried again when it is up. */
function ignoreDownLine(error: unknown): undefined {
  if (error instanceof RpcError || error instanceof LineStopped) return undefined
  throw error
}
