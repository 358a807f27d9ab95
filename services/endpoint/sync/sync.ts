// Between the conversations and the line: what comes in is taken in and acked, what waits is sealed and sent, and
// both are done one at a time.

import type { Deliver, Envelope, Opened, Rejected } from '../../../gen/parley/v1/chat_pb.js'
import type { KeyExchanged, RegistrationRefused } from '../../../gen/parley/v1/key_exchange_pb.js'
import { GroupStatus } from '../../../gen/parley/vault/v1/records_pb.js'
import { certifiedDevices } from '../../protocol/identity/certificate.js'
import { RpcError } from '../../rpc/error.js'
import { LineDown, LineStopped } from '../codes/line-error.js'
import type { KeyChangePolicy } from '../contacts/trust.js'
import type { Context, RunTransaction, Unit } from '../context.js'
import { crypto } from '../crypto.js'
import type { LineCondition } from '../doctor/connection.js'
import type { EndpointEvent, LineState } from '../events.js'
import type { LiveGroup } from '../groups/groups.js'
import { nextIntentDue } from '../groups/intents.js'
import { isOwn } from '../groups/membership.js'
import { Line, type LineHandlers, type LinePorts } from '../line/line.js'
import type { ResponseFrame } from '../line/session.js'
import { sealNames } from '../messages/content/device-name.js'
import { sealLeave } from '../messages/content/leave.js'
import { owing } from '../messages/content/receipt.js'
import { sealRevocations } from '../messages/content/revoked-devices.js'
import type { Outbox } from '../messages/outbox.js'
import { takeIn } from '../messages/receive.js'
import { onRejected } from '../messages/rejections.js'
import { askOnceMore, askWhenDue, rejoinAll } from '../messages/rejoin-requests.js'
import { sealHandovers } from '../messages/transfer.js'
import type { Timer } from '../ports.js'
import type { Batch } from '../vault/records.js'
import { VaultError } from '../vault/vault.js'
import { openDirectorySync } from './device-lists.js'
import { CLAIMS_AT_ONCE, openSearch } from './key-claims.js'
import { isStockLow, restock } from './key-stock.js'
import { PRESENCE_INTERVAL_MS, type Presence } from './presence.js'
import { fillOutbox, framesOf, nextUpdateDue, type Outgoing } from './send-loop.js'
import { loadServer, saveServer, trustSeen } from './server-record.js'

/** A receipt waits this long for company, in ms. */
const RECEIPT_DELAY_MS = 100
/** Envelopes in one Send frame, where the server does not want fewer. */
const SEND_ENVELOPES = 128

export interface Courier {
  start(): void
  stop(): Promise<void>
  /** Something may be waiting to be sent. */
  nudge(): void
  /** Somebody may be reached who could not be before. */
  lookAgain(): void
  /** For the doctor. */
  condition(): LineCondition
  /** Throws RpcError or LineStopped. */
  exchange: Line['keyExchange']
  /** Publishes the key packages that the server lacks, and returns how many. Throws RpcError or LineStopped. */
  restock(held: KeyExchanged): Promise<number>
}

export function openCourier({
  context,
  outbox,
  transaction,
  presence,
  ports,
  keyChange,
  emit,
}: {
  context: Context
  outbox: Outbox
  transaction: RunTransaction
  presence: Presence
  ports: LinePorts
  keyChange: KeyChangePolicy
  emit(event: EndpointEvent): void
}): Courier {
  let line: Line | undefined
  const { clock } = ports
  let beat: Timer | undefined
  /** The server has answered Open: sends may leave. */
  let live = false
  /** What the vault has as the highest number that was given. */
  let noted: bigint | undefined
  let pausedUntil = 0
  /** When the timer for what has to wait goes off, in ms since 1970. */
  let wakesAt = Number.POSITIVE_INFINITY
  let nudged = false
  let receiptsDue = false
  let receiptsTimed = false
  /** Envelopes in one Send frame. */
  let perFrame = SEND_ENVELOPES
  let claimsAtOnce = CLAIMS_AT_ONCE
  /** Others are told that this device is here. */
  let caughtUp = false
  let condition: LineCondition = { line: undefined, clockOffsetMs: undefined }
  const epochOf = (group: LiveGroup) => `${group.record.status} ${context.engine.epoch(group.state)}`
  const timers = new Set<Timer>()
  /** Work that waits for the server, outside of the queue. */
  const background = new Set<Promise<unknown>>()
  let stopping = false

  const later = (ms: number, action: () => void) => {
    if (stopping) return
    const timer = clock.after(ms, () => {
      timers.delete(timer)
      action()
    })
    timers.add(timer)
  }
  const transmit = () => {
    for (const envelopes of framesOf(context, outbox.takeUnsent(), perFrame))
      line?.write({ case: 'send', value: { envelopes } })
  }
  /** Whatever was numbered is noted in the same write: see rejoinAll. */
  const noteGiven = (outbox: Outbox, batch: Batch) => {
    const clientSequence = outbox.highestGiven()
    if (clientSequence === noted) return
    saveServer(batch, { clientSequence })
    batch.after(() => {
      noted = clientSequence
    })
  }
  /** One timer for what is due next. */
  const wakeWhenDue = () => {
    const now = clock.now()
    const due = Math.min(
      nextIntentDue(context, now) ?? Number.POSITIVE_INFINITY,
      nextUpdateDue(context, now) ?? Number.POSITIVE_INFINITY,
    )
    if (due >= wakesAt) return
    wakesAt = due
    later(due - now + 1, () => {
      wakesAt = Number.POSITIVE_INFINITY
      nudge()
    })
  }
  const pump = async ({ context, outbox, tx }: Unit) => {
    nudged = false
    if (!live || clock.now() < pausedUntil) return
    const receipts = receiptsDue
    askWhenDue(context, outbox, tx)
    await fillOutbox(context, outbox, tx, { now: clock.now(), receipts })
    for (const group of context.groups.all()) await sealLeave(context, outbox, tx, group)
    await sealNames(context, outbox, tx)
    await sealRevocations(context, outbox, tx)
    await sealHandovers(context, outbox, tx)
    noteGiven(outbox, tx)
    tx.after(() => pumped(receipts))
  }
  /** What is due was sealed and is saved. */
  const pumped = (receipts: boolean) => {
    // Those that the outbox had no room for are still due.
    receiptsDue = receipts && owesReceipts(context)
    transmit()
    wakeWhenDue()
    if (stopping) return
    inBackground(search.run())
    inBackground(directory.run())
  }
  const nudge = () => {
    if (nudged) return
    nudged = true
    transaction(pump).catch(fatal)
  }
  const fatal = (error: unknown) => {
    live = false
    if (!(error instanceof VaultError)) throw error
    emit({
      type: 'line',
      line: { state: 'stopped', reason: 'vault', cause: { code: 'vault', vault: error.why } },
    })
    void line?.close()
  }
  /** Throws RpcError or LineStopped. */
  const exchange: Line['keyExchange'] = async parts => {
    if (!line) throw new LineDown({ code: 'no-line', address: '' })
    return await line.keyExchange(parts)
  }
  const inBackground = (work: Promise<unknown>) => {
    const done = work
      .catch(ignoreDownLine)
      .catch(fatal)
      .finally(() => background.delete(done))
    background.add(done)
  }
  const claim = (...claimHandles: string[]) => exchange({ claimHandles }).catch(ignoreDownLine)
  const lookUp = (handle: string) => exchange({ lookupHandles: [handle] }).catch(ignoreDownLine)
  const directory = openDirectorySync({ context, transaction, exchange, later, nudge })
  const search = openSearch({
    context,
    transaction,
    claim,
    claimsAtOnce: () => claimsAtOnce,
    lookUp,
    keyChange,
    later,
    nudge,
    emit,
  })

  /** Not kept and not repeated: it matters only now. */
  const sendNow = (envelopes: Outgoing[]) => {
    for (let from = 0; live && from < envelopes.length; from += perFrame)
      line?.write({ case: 'send', value: { envelopes: envelopes.slice(from, from + perFrame) } })
  }
  const announce = (what: { here: boolean; asks: boolean }, groups?: readonly LiveGroup[]) =>
    transaction(async () => sendNow(await presence.announce(what, groups)))

  const restockFrom = async (held: KeyExchanged) => {
    const publication = await transaction(({ context, tx }) => restock(context, tx, held, clock.now()))
    if (!publication) return 0
    await exchange(publication)
    return publication.keyPackages.length + (publication.lastResortKeyPackage.length > 0 ? 1 : 0)
  }
  /** Every welcome has used a key package up. */
  const lookAtStock = async () => {
    if (isStockLow(context)) await restockFrom(await exchange({}))
  }

  const onDeliver = async ({ envelopes, cursor }: Deliver) => {
    const { changed, met, isNew } = await transaction(unit => takeInAll(unit, { envelopes, cursor }))
    if (cursor.length > 0) line?.write({ case: 'ack', value: { cursor } })
    if (envelopes.some(({ envelope }) => envelope.case === 'welcome')) inBackground(lookAtStock())
    // A stranger's welcome says whose handle it is: the server's directory is asked.
    for (const handle of met) directory.changed(handle)
    // A group that is new here may be without this account's other devices.
    if (isNew) directory.changed(context.account.handle)
    if (caughtUp && changed.length > 0) await announce({ here: true, asks: true }, changed)
    receiptsSoon()
  }
  const takeInAll = async (
    { context, outbox, tx }: Unit,
    { envelopes, cursor }: Pick<Deliver, 'envelopes' | 'cursor'>,
  ) => {
    const epochs = new Map(context.groups.all().map(group => [group, epochOf(group)]))
    const known = envelopes.some(mayIntroduce) ? pinnedHandles(context) : undefined
    for (const envelope of envelopes) {
      if (envelope.envelope.case === 'ephemeral')
        sendNow(await presence.take(envelope.conversationId, envelope.envelope.value))
      else await takeIn(context, outbox, tx, envelope)
    }
    if (cursor.length > 0) saveServer(tx, { cursor })
    noteGiven(outbox, tx)
    const changed = context.groups.all().filter(group => epochs.get(group) !== epochOf(group))
    return {
      changed,
      met: known ? [...pinnedHandles(context)].filter(handle => !known.has(handle)) : [],
      isNew: changed.some(group => !epochs.get(group)?.startsWith(`${GroupStatus.ACTIVE} `)),
    }
  }
  const receiptsSoon = () => {
    if (receiptsTimed || !owesReceipts(context)) return
    receiptsTimed = true
    later(RECEIPT_DELAY_MS, () => {
      receiptsTimed = false
      receiptsDue = true
      nudge()
    })
  }
  const onAnswer = async ({ sends }: Rejected) => {
    const wait = await transaction(async ({ context, outbox, tx }) => {
      let longest = 0
      for (const send of sends) longest = Math.max(longest, await onRejected(context, outbox, tx, send))
      noteGiven(outbox, tx)
      return longest
    })
    if (wait === 0) return
    pausedUntil = clock.now() + wait
    later(wait + 1, nudge)
  }
  const onFrame = async (frame: ResponseFrame) => {
    if (frame.case === 'deliver') await onDeliver(frame.value)
    else if (frame.case === 'accepted') outbox.accepted(frame.value.clientSequence)
    else if (frame.case === 'accountChanged') directory.changed(frame.value.handle)
    else if (frame.case === 'rejected') await onAnswer(frame.value)
    if (frame.case === 'deliver' || frame.case === 'accepted' || frame.case === 'rejected') nudge()
  }
  const onOpened = async (opened: Opened) => {
    condition = { ...condition, clockOffsetMs: clock.now() - Number(opened.serverTimeMs) }
    await transaction(({ context, outbox, tx }) => {
      const given = loadServer(tx)?.clientSequence ?? 0n
      outbox.restart(tx, opened.clientSequence)
      if (opened.clientSequence > given) rejoinAll(context, outbox, tx)
      else askOnceMore(context, outbox, tx)
      saveServer(tx, { operatorHandle: opened.operatorHandle })
      tx.tell({ type: 'operator', handle: opened.operatorHandle })
      noteGiven(outbox, tx)
    })
    perFrame = atMost(opened.limits?.envelopesPerSend, SEND_ENVELOPES)
    claimsAtOnce = atMost(opened.limits?.claimsPerCall, CLAIMS_AT_ONCE)
    live = true
    pausedUntil = 0
    // Those that were owed when this device last stopped.
    receiptsDue = true
    search.restart()
    directory.restart()
    nudge()
  }

  const handlers: LineHandlers = {
    trust: seen => transaction(({ tx }) => trustSeen(tx, seen)),
    account: () => context.account,
    registration: () => ({
      inviteToken: loadServer(context.records)?.inviteToken ?? '',
      deviceRevocations: directory.revocations(),
    }),
    refused: refusal => transaction(({ context, tx }) => noteRefusal(context, tx, refusal)),
    cursor: () => loadServer(context.records)?.cursor ?? new Uint8Array(),
    async keyExchanged(held) {
      await transaction(({ tx }) => forgetInvite(tx))
      await restockFrom(held)
    },
    onOpened,
    onFrame,
    onState(state: LineState) {
      if (state.state !== 'up') {
        live = false
        presence.forget()
      } else announce({ here: true, asks: true }).catch(fatal)
      caughtUp = state.state === 'up'
      condition = { ...condition, line: state }
      emit({ type: 'line', line: state })
    },
  }

  return {
    start() {
      beat?.cancel()
      const server = loadServer(context.records)
      if (!server) return
      line = new Line(server, ports, handlers)
      line.start()
      beat = clock.every(PRESENCE_INTERVAL_MS, () => {
        presence.expire(clock.now())
        nudge()
        announce({ here: true, asks: false }).catch(fatal)
      })
    },
    async stop() {
      stopping = true
      beat?.cancel()
      for (const timer of timers) timer.cancel()
      timers.clear()
      // Whoever sent what is here shall know, even if this device does not come back for long.
      receiptsDue = true
      await transaction(pump).catch(fatal)
      await announce({ here: false, asks: false }).catch(() => undefined)
      live = false
      await line?.close()
      line = undefined
      await Promise.all(background)
    },
    nudge,
    lookAgain() {
      search.restart()
      nudge()
    },
    condition: () => condition,
    exchange,
    restock: restockFrom,
  }
}

/** Which devices an account at its limit has: one of them can be revoked for this one. */
function noteRefusal(context: Context, batch: Batch, { reason }: RegistrationRefused): void {
  if (reason.case !== 'tooManyDevices') return
  const listed = certifiedDevices(crypto, reason.value.deviceCertificates)
  const own = listed.filter(device => isOwn(context, device))
  for (const { deviceKey, issuedAt } of own)
    context.devices.change(batch, deviceKey, { issuedAtMs: BigInt(issuedAt) })
}

/** Of a server that does not say it, ours. */
const atMost = (limit = 0, own: number): number => (limit > 0 ? Math.min(limit, own) : own)

/** Its account is in: it is used up, or was not needed. */
function forgetInvite(batch: Batch): void {
  if (loadServer(batch)?.inviteToken) saveServer(batch, { inviteToken: '' })
}

const mayIntroduce = ({ envelope }: Envelope) => envelope.case === 'welcome' || envelope.case === 'commit'

const pinnedHandles = ({ contacts }: Context) =>
  new Set(contacts.all().flatMap(({ handle, accountKey }) => (accountKey.length > 0 ? [handle] : [])))

const owesReceipts = (context: Context) =>
  context.groups.all().some(group => owing(context, group).length > 0)

/** What failed because the line went down is tried again when it is up. */
function ignoreDownLine(error: unknown): undefined {
  if (error instanceof RpcError || error instanceof LineStopped) return undefined
  throw error
}
