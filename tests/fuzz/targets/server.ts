// A relay: every frame of the contract, from a registered device and from a stranger. Another device goes on meanwhile.

import { create, toBinary } from '@bufbuild/protobuf'
import { type ChatRequest, ChatRequestSchema, ChatService } from '../../../gen/parley/v1/chat_pb.js'
import {
  DeviceCertificateSchema,
  DeviceRemovalSchema,
  ProofSchema,
  SignedDeviceListSchema,
  type SignedProof,
  SignedProofSchema,
} from '../../../gen/parley/v1/identity_pb.js'
import { KeyExchangePartsSchema } from '../../../gen/parley/v1/key_exchange_pb.js'
import { CIPHER_SUITE, MESSAGE_BYTES } from '../../../services/protocol/sizes.js'
import type { RpcChannel } from '../../../services/rpc/channel.js'
import { RpcError } from '../../../services/rpc/error.js'
import type { Chance } from '../../support/chance.js'
import {
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeList,
  makeProof,
  makeRemoval,
  openBytes,
  type ProofInit,
  partsOf,
  random,
  type TestDevice,
} from '../../support/contract-device.js'
import { application, commit, ephemeral } from '../../support/contract-envelopes.js'
import { signedCommit } from '../../support/contract-head.js'
import { createTestStream, type Outgoing } from '../../support/contract-stream.js'
import { certificateOf } from '../../support/memory/network.js'
import { HOST, newTown, type Server, type Town } from '../../support/town.js'
import { changedEncoded, changedMessage } from '../mutation.js'
import type { Target } from '../target.js'

const NESTED = {
  'SignedProof.proof': ProofSchema,
  'KeyExchangeParts.device_certificate': DeviceCertificateSchema,
  'KeyExchangeParts.device_list': SignedDeviceListSchema,
  'KeyExchangeParts.device_removals': DeviceRemovalSchema,
}
/** Frames on one stream. */
const FRAMES = 12

export const server: Target = {
  name: 'server',
  share: 8,
  async open() {
    const town = await newTown()
    const relay = await town.server()
    const honest = await Caller.registered(town, relay)
    const other = await Caller.registered(town, relay)
    const conversationId = await honest.found([other.device])
    const stranger = await Caller.registered(town, relay)
    return {
      async run(chance) {
        if (chance.whole(3) === 0) await stranger.exchangeChanged(chance)
        else await stranger.sayChanged(chance, conversationId)
      },
      /** The conversation that the stranger is not in goes on, in its order. */
      async check() {
        await honest.sayAndHear(conversationId, other)
      },
      close: () => town.leave(),
    }
  },
}

/** A device that speaks the contract. */
class Caller {
  private constructor(
    private readonly town: Town,
    private readonly relay: Server,
    private readonly channel: RpcChannel,
    readonly device: TestDevice,
    /** With it alone. */
    private readonly list: Uint8Array,
  ) {}

  static async registered(town: Town, relay: Server): Promise<Caller> {
    const { certificate } = certificateOf('server', town.clock)
    const channel = town.network.way().connect({
      host: HOST,
      port: relay.port,
      trust: { kind: 'pinned', certificate },
      maxMessageBytes: MESSAGE_BYTES,
    })
    const device = makeDevice()
    const { serverId } = await channel.unary(ChatService.method.getServer, {})
    const caller = new Caller(town, relay, channel, device, makeList(device, { serverId }))
    await caller.exchange(caller.#exchange(partsOf({ deviceList: caller.list })))
    return caller
  }

  /** Returns the id of a new conversation with these devices. */
  async found(devices: readonly TestDevice[]): Promise<Uint8Array> {
    const conversationId = random(16)
    const stream = await this.#open()
    await stream.send(commit(conversationId, { epoch: 0n, creates: true, added: devices }))
    await stream.take('accepted')
    stream.end()
    return conversationId
  }

  async sayAndHear(conversationId: Uint8Array, other: Caller): Promise<void> {
    const ciphertext = random(48)
    const [stream, theirs] = [await this.#open(), await other.#open()]
    await stream.send(application(conversationId, { ciphertext }))
    await stream.take('accepted')
    await theirs.until(() =>
      theirs.frames.some(
        frame =>
          frame.case === 'deliver' &&
          frame.value.envelopes.some(
            ({ envelope }) =>
              envelope.case === 'application' && Buffer.compare(envelope.value.ciphertext, ciphertext) === 0,
          ),
      ),
    )
    stream.end()
    theirs.end()
  }

  async exchangeChanged(chance: Chance): Promise<void> {
    const encoded = toBinary(
      KeyExchangePartsSchema,
      create(KeyExchangePartsSchema, {
        deviceList: this.list,
        keyPackages: [random(40), random(40)],
        lastResortKeyPackage: random(40),
        claimHandles: [this.device.handle, 'nobody'],
        suite: CIPHER_SUITE,
        lookupHandles: [this.device.handle],
        deviceRemovals: [makeRemoval(this.device, this.device)],
      }),
    )
    const changed = changedEncoded(chance, KeyExchangePartsSchema, { encoded, nested: NESTED })
    const { proof, parts } = this.#exchange(changed)
    // Mostly of what is asked: behind a proof that does not hold nothing is looked at.
    if (chance.whole(8) > 0) return await takingRefusal(() => this.exchange({ proof, parts }))
    const signed = create(SignedProofSchema, proof)
    const broken = changedMessage(chance, SignedProofSchema, { message: signed, nested: NESTED })
    await takingRefusal(() => this.exchange({ proof: broken as SignedProof, parts }))
  }

  /** One stream, with an Open and frames of which some are changed. */
  async sayChanged(chance: Chance, conversationId: Uint8Array): Promise<void> {
    const stream = createTestStream(this.channel, { ack: chance.whole(2) === 0, pong: true })
    const changedAt = chance.whole(FRAMES)
    await takingRefusal(async () => {
      for (let at = 0; at < FRAMES; at++) {
        const frame = at === 0 ? this.#openFrame(stream.cursor()) : this.#frame(chance, conversationId)
        await stream.write(at === changedAt || chance.whole(4) === 0 ? changedFrame(chance, frame) : frame)
      }
    })
    stream.end()
    // It ends, whatever its answer.
    const error = await stream.ended
    if (error?.code === 'INTERNAL') throw error
  }

  exchange(request: { proof: ProofInit; parts: Uint8Array }) {
    return this.channel.unary(ChatService.method.keyExchange, request)
  }

  #exchange(parts: Uint8Array) {
    return { proof: this.#proof(METHOD_KEY_EXCHANGE, parts), parts }
  }

  #proof(method: string, request: Uint8Array) {
    return makeProof({
      request,
      device: this.device,
      method,
      server: this.relay.relay.fingerprint,
      timeMs: this.town.clock.now(),
    })
  }

  #openFrame(cursor: Uint8Array): ChatRequest {
    const proof = this.#proof(METHOD_CHAT, openBytes({ cursor }))
    return create(ChatRequestSchema, {
      frame: { case: 'open', value: { protocolVersion: 1, proof, cursor } },
    })
  }

  async #open() {
    const stream = createTestStream(this.channel, { ack: true, pong: true, device: this.device })
    await stream.write(this.#openFrame(new Uint8Array()))
    stream.opened = await stream.take('opened')
    stream.next = stream.opened.clientSequence + 1n
    return stream
  }

  #frame(chance: Chance, conversationId: Uint8Array): ChatRequest {
    const frame = chance.weighted({ send: 6, ack: 1, ping: 1, pong: 1 })
    const values = {
      send: () => ({ envelopes: [this.#outgoing(chance, conversationId)] }),
      ack: () => ({ cursor: random(16) }),
      ping: () => ({ nonce: 1n }),
      pong: () => ({ nonce: 1n }),
    }
    return create(ChatRequestSchema, {
      frame: { case: frame, value: values[frame]() } as ChatRequest['frame'],
    })
  }

  /** Only the one that is sent is made: a signature takes longer than all else here. */
  #outgoing(chance: Chance, conversationId: Uint8Array): Outgoing {
    const made = chance.pick([
      () => application(conversationId),
      () => ephemeral(conversationId),
      () => signedCommit(this.device, commit(conversationId, { added: [this.device] })),
      () => signedCommit(this.device, commit(random(16), { epoch: 0n, creates: true })),
    ])!
    return { ...made(), clientSequence: BigInt(chance.whole(40)) }
  }
}

function changedFrame(chance: Chance, frame: ChatRequest): ChatRequest {
  try {
    return changedMessage(chance, ChatRequestSchema, { message: frame, nested: NESTED }) as ChatRequest
  } catch {
    return frame
  }
}

/** A refusal is an RpcError, and none that says that the server has a defect. */
async function takingRefusal(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof RpcError) || error.code === 'INTERNAL') throw error
  }
}
