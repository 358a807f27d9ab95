// One connection to the server that was meant: the calls that a device makes on it, each with its proof.

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { ChatService, type Closing, type GetServerResponse } from '../../../gen/parley/v1/chat_pb.js'
import {
  type KeyExchanged,
  KeyExchangePartsSchema,
  type KeyExchangeResponse,
  type RegistrationRefused,
} from '../../../gen/parley/v1/key_exchange_pb.js'
import type { Address } from '../../protocol/invite/address.js'
import type { DeviceKeys } from '../../protocol/keys.js'
import { METHODS, PROTOCOL_VERSION, type ProvenMethod } from '../../protocol/method.js'
import { makeProof, openRequest } from '../../protocol/proof.js'
import { MESSAGE_BYTES } from '../../protocol/sizes.js'
import type { Dialer, RpcChannel, SeenCertificate } from '../../rpc/channel.js'
import { RpcError } from '../../rpc/error.js'
import { LineDown, LineStopped } from '../codes/line-error.js'
import { crypto } from '../crypto.js'
import type { Clock } from '../ports.js'
import { isBadCursor, registrationRefused } from './failure.js'
import type { RequestFrame } from './frame-writer.js'
import type { ServerTrust } from './server-trust.js'
import { Session, type SessionHandlers } from './session.js'

/** Connecting and a KeyExchange, in ms. */
const CALL_TIMEOUT_MS = 10_000

export type KeyExchangeParts = Omit<MessageInitShape<typeof KeyExchangePartsSchema>, '$typeName' | 'suite'>

/** Lists that are signed one after the other, where others of the account do the same at that moment. */
const MAX_TRIES = 4

type Outcome = Exclude<KeyExchangeResponse['outcome'], { case: undefined }>

/** The account and device that call. */
interface LineAccount {
  handle: string
  device: DeviceKeys
}

export interface ConnectionHandlers {
  /** Decides on the server that answers. Throws LineStopped for the wrong one. */
  trust(seen: SeenCertificate): Promise<ServerTrust>
  account(): LineAccount
  /** The number of the MLS cipher suite that this device speaks. */
  suite(): number
  /** Whether it has to be asked which server this is, before anything is said to it. */
  asksServer(): boolean
  /** Throws LineStopped for another server than the account is on. */
  serverTold(server: GetServerResponse): Promise<void>
  /** Those parts of the answer to a call that are taken. */
  answered(answer: KeyExchanged, asked: KeyExchangeParts): KeyExchanged
  /** The first call of the line. */
  registration(): KeyExchangeParts
  /** The device is not registered, which ends the line, but where the answer is that it can try again at once. */
  refused(refusal: RegistrationRefused): Promise<'again' | 'stop'>
  /** The last cursor that is saved. */
  cursor(): Uint8Array
  /** The server did not give that one. */
  cursorRefused(): Promise<void>
}

interface ConnectionOptions {
  address: Address
  dialer: Dialer
  clock: Clock
  handlers: ConnectionHandlers
  /** Breaks everything that is under way. */
  signal: AbortSignal
}

export class Connection {
  #session: Session | undefined

  private constructor(
    private readonly options: ConnectionOptions,
    private readonly channel: RpcChannel,
    private readonly seen: SeenCertificate,
  ) {}

  /** Sees which server answers, and connects if it is the one that is meant. Throws ProbeError or LineStopped. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { address, dialer, handlers, signal } = options
    const seen = await dialer.probe({ ...address, timeoutMs: CALL_TIMEOUT_MS, signal })
    const { trust } = await handlers.trust(seen)
    const channel = dialer.connect({ ...address, trust, maxMessageBytes: MESSAGE_BYTES })
    return new Connection(options, channel, seen)
  }

  get hasSession(): boolean {
    return this.#session !== undefined
  }

  /** Makes itself known to the server, and sees that it is the account's. Throws RpcError or LineStopped. */
  async register(): Promise<KeyExchanged> {
    const { handlers } = this.options
    if (handlers.asksServer()) await this.#askServer()
    for (let tries = 1; ; tries++) {
      const asked = handlers.registration()
      const outcome = await this.#exchange(asked).catch(async (error: unknown) => {
        // A list of another server is refused: this one was set up anew.
        if (error instanceof RpcError && error.code === 'INVALID_ARGUMENT') await this.#askServer()
        throw error
      })
      if (outcome.case === 'exchanged') return handlers.answered(outcome.value, asked)
      const next = await handlers.refused(outcome.value)
      if (next === 'stop' || tries === MAX_TRIES)
        throw registrationRefused(outcome.value, handlers.account().handle)
    }
  }

  /** Throws RpcError or LineStopped. */
  async keyExchange(parts: KeyExchangeParts): Promise<KeyExchanged> {
    const { handlers } = this.options
    const outcome = await this.#exchange(parts)
    if (outcome.case === 'exchanged') return handlers.answered(outcome.value, parts)
    await handlers.refused(outcome.value)
    throw registrationRefused(outcome.value, handlers.account().handle)
  }

  async #exchange(parts: KeyExchangeParts): Promise<Outcome> {
    const suite = this.options.handlers.suite()
    const encoded = toBinary(KeyExchangePartsSchema, create(KeyExchangePartsSchema, { ...parts, suite }))
    const { outcome } = await this.channel.unary(
      ChatService.method.keyExchange,
      { parts: encoded, proof: this.#proof(METHODS.keyExchange, encoded) },
      { signal: this.options.signal, timeoutMs: CALL_TIMEOUT_MS },
    )
    if (outcome.case === undefined) throw new LineStopped({ code: 'unknown-answer' })
    return outcome
  }

  async #askServer(): Promise<void> {
    const { handlers, signal } = this.options
    const told = await this.channel.unary(
      ChatService.method.getServer,
      {},
      { signal, timeoutMs: CALL_TIMEOUT_MS },
    )
    await handlers.serverTold(told)
  }

  /** Opens the stream and stays with it. Resolves never: a stream that ends is a line that is down. */
  async converse({ onOpened, onFrame }: SessionHandlers): Promise<never> {
    const { clock, handlers, signal } = this.options
    const open = { protocolVersion: PROTOCOL_VERSION, cursor: handlers.cursor() }
    const proof = this.#proof(METHODS.chat, openRequest(open))
    let ending: 'shutting-down' | 'said-revoked' | undefined
    this.#session = new Session({
      channel: this.channel,
      open: { ...open, proof },
      handlers: {
        onOpened,
        async onFrame(frame) {
          if (frame.case === 'closing') ending = explainClosing(frame.value.reason.case)
          await onFrame(frame)
        },
      },
      clock,
      signal,
    })
    await this.#session.ended.catch(async (error: unknown) => {
      if (isBadCursor(error)) await handlers.cursorRefused()
      throw error
    })
    throw new LineDown({ code: ending ?? 'ended' })
  }

  /** Dropped where there is no stream. */
  write(frame: RequestFrame): void {
    this.#session?.write(frame)
  }

  /** Ends the stream in peace: what was written still leaves. */
  endSession(): void {
    this.#session?.end()
  }

  close(): void {
    this.channel.close()
  }

  #proof(method: ProvenMethod, request: Uint8Array) {
    const { clock, handlers } = this.options
    const { device } = handlers.account()
    const server = this.seen.fingerprint
    return makeProof(crypto, { method, request, server, device, time: clock.now() })
  }
}

/** Why the stream ends. Throws LineStopped where this device shall not come back by itself. */
function explainClosing(reason: Closing['reason']['case']): 'shutting-down' | 'said-revoked' {
  if (reason === 'superseded' || reason === 'banned') throw new LineStopped({ code: reason })
  // The next call brings what shows it, if it is so.
  return reason === 'revoked' ? 'said-revoked' : 'shutting-down'
}
