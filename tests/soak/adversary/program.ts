// A member with a modified program: a device with an account that speaks the contract and holds the keys that it was
// given, asks none of the rules that an endpoint asks, and tells what it could read.

import { setTimeout as delay } from 'node:timers/promises'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { ContentSchema } from '../../../gen/parley/content/v1/content_pb.js'
import { ChatService, type CommitBundleSchema, type Envelope } from '../../../gen/parley/v1/chat_pb.js'
import type { KeyExchanged } from '../../../gen/parley/v1/key_exchange_pb.js'
import {
  type Commit,
  type CommitChange,
  createEngine,
  type Engine,
  type KeyPackagePair,
} from '../../../services/endpoint/mls/engine.js'
import { validateCredential } from '../../../services/endpoint/mls/validate-credential.js'
import { pad } from '../../../services/protocol/content/padding.js'
import { encodeLeafList } from '../../../services/protocol/conversation/leaves.js'
import { readDeviceList } from '../../../services/protocol/identity/device-list.js'
import { nodeCrypto } from '../../../services/protocol/node/crypto.js'
import { MESSAGE_BYTES } from '../../../services/protocol/sizes.js'
import type { RpcChannel } from '../../../services/rpc/channel.js'
import { RpcError } from '../../../services/rpc/error.js'
import { probe, spkiFingerprint } from '../../../services/rpc/node/certificate.js'
import { connect } from '../../../services/rpc/node/client.js'
import {
  METHOD_CHAT,
  METHOD_KEY_EXCHANGE,
  makeDevice,
  makeList,
  makeProof,
  openBytes,
  type PartsInit,
  type ProofInit,
  partsOf,
  type TestDevice,
} from '../../support/contract-device.js'
import { signedCommit } from '../../support/contract-head.js'
import type { Outgoing } from '../../support/contract-stream.js'
import { type Group, Groups } from './groups.js'
import { Line, type Outcome } from './line.js'

/** Key packages that it publishes at a time. */
const STOCK = 20
/** Tries of a call that the server does not answer: it is being killed, say. */
const TRIES = 20
/** Between two of them, in ms. */
const AGAIN_MS = 300
const HOST = '127.0.0.1'

export type Role = 'admin' | 'member' | 'removed'
export type BundleInit = Exclude<MessageInitShape<typeof CommitBundleSchema>, { $typeName: string }>
export type ContentInit = Exclude<MessageInitShape<typeof ContentSchema>, { $typeName: string }>

interface ServerSeen {
  port: number
  certificate: string
  fingerprint: Uint8Array
  serverId: Uint8Array
}

export interface EnterOptions {
  handle: string
  role: Role
  port: number
  /** Told of all application envelopes that the server gives it. */
  onCiphertext(conversationId: Uint8Array, ciphertext: Uint8Array): Promise<void>
}

export class Program {
  readonly handle: string
  readonly role: Role
  readonly device: TestDevice
  readonly engine: Engine
  readonly server: ServerSeen
  readonly groups: Groups
  readonly line: Line
  /** Envelopes of its own that others were delivered: to be said again. */
  readonly said: Outgoing[] = []
  /** Of its account: the one that its key packages name. */
  list: Uint8Array
  #channel: RpcChannel

  private constructor(
    private readonly options: EnterOptions,
    { engine, server }: { engine: Engine; server: ServerSeen },
  ) {
    this.handle = options.handle
    this.role = options.role
    this.engine = engine
    this.server = server
    this.device = makeDevice({ handle: options.handle })
    this.list = makeList(this.device, { serverId: server.serverId })
    this.groups = new Groups(engine)
    this.#channel = this.connect()
    this.line = new Line({
      connect: () => this.connect(),
      proof: cursor => this.proof(METHOD_CHAT, openBytes({ cursor })),
      onEnvelope: envelope => this.#take(envelope),
    })
  }

  /** Registers, publishes key packages and stays connected. */
  static async enter(options: EnterOptions): Promise<Program> {
    const { port } = options
    const { certificate } = await probe({ host: HOST, port })
    const trust = { kind: 'pinned' as const, certificate }
    const channel = connect({ host: HOST, port, trust, maxMessageBytes: MESSAGE_BYTES })
    const { serverId } = await channel.unary(ChatService.method.getServer, {})
    channel.close()
    const server = { port, certificate, fingerprint: spkiFingerprint(certificate), serverId }
    const engine = await createEngine({ validate: validateCredential })
    const program = new Program(options, { engine, server })
    await program.publish()
    return program
  }

  connect(): RpcChannel {
    const { port, certificate } = this.server
    const trust = { kind: 'pinned' as const, certificate }
    return connect({ host: HOST, port, trust, maxMessageBytes: MESSAGE_BYTES })
  }

  proof(method: string, request: Uint8Array): ProofInit {
    return makeProof({ device: this.device, server: this.server.fingerprint, method, request })
  }

  /** New key packages, that others add it with. */
  async publish(): Promise<void> {
    const pairs = await Promise.all(Array.from({ length: STOCK }, () => this.keyPackage()))
    const lastResort = await this.keyPackage({ lastResort: true })
    this.groups.keep([...pairs, lastResort])
    await this.exchange({
      deviceList: this.list,
      keyPackages: pairs.map(({ publicPackage }) => publicPackage),
      lastResortKeyPackage: lastResort.publicPackage,
    })
  }

  keyPackage({ lastResort = false, device = this.device } = {}): Promise<KeyPackagePair> {
    const { key, certificate: identity } = device
    const raw = Buffer.from(key.privateKey.export({ format: 'jwk' }).d!, 'base64url')
    const signatureKey = new Uint8Array(raw)
    const leafData = encodeLeafList(readDeviceList(nodeCrypto, this.list))
    return this.engine.newKeyPackage({
      ...{ identity, signatureKey, publicKey: key.publicKey },
      ...{ lastResort, leafData },
    })
  }

  /** undefined: the server refuses it. */
  async exchange(asked: PartsInit): Promise<KeyExchanged | undefined> {
    for (let times = 0; times < TRIES; times++)
      try {
        const parts = partsOf(asked)
        const proof = this.proof(METHOD_KEY_EXCHANGE, parts)
        const { outcome } = await this.#channel.unary(ChatService.method.keyExchange, { proof, parts })
        return outcome.case === 'exchanged' ? outcome.value : undefined
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        if (error.code !== 'UNAVAILABLE' && error.code !== 'CANCELLED') return undefined
        await delay(AGAIN_MS)
        this.#channel.close()
        this.#channel = this.connect()
      }
    return undefined
  }

  /** A commit of its own in a room, or what it wants to be taken for one. */
  commitOf({ conversationId, states }: Group, bundle: BundleInit): Outgoing {
    const epoch = this.engine.epoch(states[0]!)
    return signedCommit(this.device, {
      conversationId,
      envelope: { case: 'commit', value: { epoch, ...bundle } },
    })
  }

  /** Makes a commit of this change, sends it, and is in the next epoch where the server takes it. */
  async commit(
    group: Group,
    change: CommitChange,
    alter: (made: Commit) => BundleInit = ({ commit }) => ({ commit }),
    engine = this.engine,
  ): Promise<Outcome> {
    const [state] = group.states
    const made = await engine.commit(state!, change)
    const [outcome = 'down'] = await this.line.send(this.commitOf(group, alter(made)))
    if (outcome === 'accepted')
      this.groups.enter(group.conversationId, engine.adopt(state!, made.pending).state)
    return outcome
  }

  /** Seals a content as an endpoint would. */
  async seal(group: Group, content: ContentInit): Promise<Outgoing> {
    const { joinedEpoch } = group
    group.count++
    const defaults = { count: group.count, joinedEpoch, sentAtMs: BigInt(Date.now()) }
    const encoded = toBinary(ContentSchema, create(ContentSchema, { ...defaults, ...content }))
    return await this.sealBytes(group, pad(encoded))
  }

  async sealBytes({ conversationId, states }: Group, plaintext: Uint8Array): Promise<Outgoing> {
    const { state, ciphertext } = await this.engine.seal(states[0]!, plaintext)
    states[0] = state
    const epoch = this.engine.epoch(state)
    return { conversationId, envelope: { case: 'application', value: { epoch, ciphertext } } }
  }

  close(): void {
    this.line.close()
    this.#channel.close()
  }

  async #take({ conversationId, envelope: { case: kind, value } }: Envelope): Promise<void> {
    if (kind === 'welcome') await this.groups.join(conversationId, value)
    else if (kind === 'commit') await this.groups.follow(conversationId, value.commit)
    else if (kind === 'application') await this.options.onCiphertext(conversationId, value.ciphertext)
  }
}
