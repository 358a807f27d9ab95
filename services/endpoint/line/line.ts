// The line to the server: connected, kept up, and connected again when it breaks, until it is closed or a person
// has to decide something.

import { setTimeout as sleep } from 'node:timers/promises'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { ChatService, type Closing, type Opened } from '../../../gen/parley/v1/chat_pb.js'
import type {
  KeyExchanged,
  KeyExchangeRequestSchema,
  RegistrationRefused,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import { type Address, formatAddress } from '../../protocol/invite/address.js'
import { makeProof } from '../../protocol/proof.js'
import type { RpcChannel, SeenCertificate } from '../../rpc/channel.js'
import { RpcError } from '../../rpc/error.js'
import { probe } from '../../rpc/node/certificate.js'
import { connect } from '../../rpc/node/client.js'
import type { Account } from '../contacts/account.js'
import type { LineState } from '../events.js'
import { backoff } from './backoff.js'
import { BANNED, explainFailure, REVOKED, registrationRefused } from './failure.js'
import type { ServerTrust } from './server-trust.js'
import { LineStopped } from './stopped.js'
import {
  type ChatStream,
  openStream,
  PROTOCOL_VERSION,
  type RequestFrame,
  type ResponseFrame,
} from './stream.js'

/** One gRPC message: a commit bundle of the largest conversation, and its frame. */
const MESSAGE_BYTES = 9 * 1024 * 1024
/** Connecting and a KeyExchange, in ms. */
const CALL_TIMEOUT_MS = 10_000
/** How long the server may take to end a stream that this side has ended, in ms. */
const LEAVE_TIMEOUT_MS = 1_000

type KeyExchangeParts = Omit<
  MessageInitShape<typeof KeyExchangeRequestSchema>,
  '$typeName' | 'proof' | 'deviceCertificate'
>

export interface LineHandlers {
  /** Decides on the server that answers. Throws LineStopped for the wrong one. */
  trust(seen: SeenCertificate): ServerTrust
  account(): Account
  /** Lets a new account in; empty where there is none. */
  registration(): Pick<KeyExchangeParts, 'inviteToken' | 'deviceRevocations'>
  /** The device is not registered, which ends the line. */
  refused(refusal: RegistrationRefused): Promise<void>
  /** The device is registered; tells what the server holds of it. */
  keyExchanged(answer: KeyExchanged): Promise<void>
  /** The last cursor that is saved. */
  cursor(): Uint8Array
  onOpened(opened: Opened): Promise<void>
  onFrame(frame: ResponseFrame): Promise<void>
  onState(state: LineState): void
}

export interface Line {
  /** Connects, and goes on until `close` or a LineStopped. */
  start(): void
  /** Dropped while the line is down: the outbox sends again when it is up. */
  write(frame: RequestFrame): void
  /** Throws RpcError or LineStopped; UNAVAILABLE while the line is down. */
  keyExchange(parts: KeyExchangeParts): Promise<KeyExchanged>
  /** Tries at once, where it is waiting to try again. */
  retryNow(): void
  close(): Promise<void>
}

interface Connection {
  channel: RpcChannel
  seen: SeenCertificate
  stream?: ChatStream
}

export function openLine(address: Address, handlers: LineHandlers): Line {
  const closing = new AbortController()
  let connection: Connection | undefined
  let retry = new AbortController()
  let leaving = false
  let running: Promise<void> = Promise.resolve()
  const waits = backoff()

  const once = async () => {
    handlers.onState({ state: 'connecting' })
    const signal = closing.signal
    const seen = await probe({ ...address, timeoutMs: CALL_TIMEOUT_MS, signal })
    const { trust } = handlers.trust(seen)
    const channel = connect({ ...address, trust, maxMessageBytes: MESSAGE_BYTES })
    try {
      connection = { channel, seen }
      const answer = await keyExchange(connection, handlers, handlers.registration(), signal)
      await handlers.keyExchanged(answer)
      await runStream(connection, handlers, waits.reset, signal)
    } finally {
      connection = undefined
      channel.close()
    }
  }
  const loop = async () => {
    while (!leaving) {
      try {
        await once()
      } catch (error) {
        if (leaving) return
        const cause = explainFailure(error)
        const retryInMs = waits.next()
        handlers.onState({ state: 'down', cause, retryInMs })
        retry = new AbortController()
        await sleep(retryInMs, undefined, { signal: AbortSignal.any([closing.signal, retry.signal]) }).catch(
          () => undefined,
        )
      }
    }
  }

  return {
    start() {
      running = running.then(loop).catch(error => {
        if (!(error instanceof LineStopped)) throw error
        handlers.onState({ state: 'stopped', reason: error.reason, cause: error.message })
      })
    },
    write: frame => connection?.stream?.write(frame),
    async keyExchange(parts) {
      if (!connection) throw new RpcError('UNAVAILABLE', `there is no line to ${formatAddress(address)}`)
      return await keyExchange(connection, handlers, parts, closing.signal)
    },
    retryNow: () => retry.abort(),
    async close() {
      leaving = true
      connection?.stream?.end()
      if (connection?.stream)
        await Promise.race([running, sleep(LEAVE_TIMEOUT_MS, undefined, { ref: false })])
      closing.abort()
      await running
    },
  }
}

async function keyExchange(
  { channel, seen }: Connection,
  handlers: Pick<LineHandlers, 'account' | 'refused'>,
  parts: KeyExchangeParts,
  signal: AbortSignal,
): Promise<KeyExchanged> {
  const method = '/parley.v1.ChatService/KeyExchange'
  const account = handlers.account()
  const proof = makeProof({ method, server: seen.fingerprint, device: account.device })
  const request = { ...parts, proof, deviceCertificate: account.certificate }
  const { outcome } = await channel.unary(ChatService.method.keyExchange, request, {
    signal,
    timeoutMs: CALL_TIMEOUT_MS,
  })
  if (outcome.case === 'exchanged') return outcome.value
  if (outcome.case === 'refused') {
    await handlers.refused(outcome.value)
    throw registrationRefused(outcome.value, account.handle)
  }
  throw new LineStopped(
    'protocol-version',
    'the server answers in a way that this version does not know: update Parley',
  )
}

/** Resolves never: a stream that ends is a line that is down. */
async function runStream(
  connection: Connection,
  handlers: LineHandlers,
  onOpened: () => void,
  signal: AbortSignal,
): Promise<never> {
  const method = '/parley.v1.ChatService/Chat'
  const { device } = handlers.account()
  const proof = makeProof({ method, server: connection.seen.fingerprint, device })
  let ending: string | undefined
  const open = { protocolVersion: PROTOCOL_VERSION, proof, cursor: handlers.cursor() }
  connection.stream = openStream(
    connection.channel,
    open,
    {
      async onOpened(opened) {
        onOpened()
        await handlers.onOpened(opened)
      },
      async onFrame(frame) {
        if (frame.case === 'closing') ending = explainClosing(frame.value.reason.case)
        else if (frame.case === 'caughtUp') handlers.onState({ state: 'up' })
        await handlers.onFrame(frame)
      },
    },
    signal,
  )
  await connection.stream.ended
  throw new RpcError('UNAVAILABLE', ending ?? 'the server has ended the line')
}

/** Words for the end of a stream, or LineStopped where this device shall not come back by itself. */
function explainClosing(reason: Closing['reason']['case']): string {
  if (reason === 'superseded')
    throw new LineStopped(
      'superseded',
      'this device is connected from another process, which took over the line',
    )
  if (reason === 'revoked') throw new LineStopped('revoked', REVOKED)
  if (reason === 'banned') throw new LineStopped('banned', BANNED)
  return 'the server is shutting down'
}
